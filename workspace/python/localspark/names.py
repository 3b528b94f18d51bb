"""Names of catalogs, schemas and tables: parsing, quoting, and the folder that a table lies in."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from .errors import SqlError

# What is safe as a folder's name for Sail, which percent-encodes everything else.
_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_-]*")
_PART = re.compile(r"\s*(?:`((?:[^`]|``)+)`|([^\W\d][\w-]*|\d+[^\W\d][\w-]*))\s*(\.|$)")


def quote(part: str) -> str:
    """One part of a name, in backticks."""
    return "`" + part.replace("`", "``") + "`"


def split_name(text: str) -> list[str]:
    """The parts of a possibly quoted, dotted name. Raises `INVALID_IDENTIFIER` for anything else."""
    parts: list[str] = []
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            raise SqlError(
                "PARSE_SYNTAX_ERROR", f"Syntax error at or near '{text}': it is no table or schema name."
            )
        parts.append(match[1].replace("``", "`") if match[1] is not None else match[2])
        position = match.end()
        if match[3] != ".":
            return parts


def quote_name(text: str) -> str:
    """A dotted name with each part in backticks; the way in which text becomes a name safely."""
    return ".".join(quote(part) for part in split_name(text))


@dataclass(frozen=True)
class SchemaName:
    catalog: str
    schema: str

    @property
    def sql(self) -> str:
        return f"{quote(self.catalog)}.{quote(self.schema)}"

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}"

    def folder(self, warehouse: str) -> str:
        return os.path.join(warehouse, plain(self.catalog), plain(self.schema))


@dataclass(frozen=True)
class TableName:
    catalog: str
    schema: str
    table: str

    @property
    def parent(self) -> SchemaName:
        return SchemaName(self.catalog, self.schema)

    @property
    def sql(self) -> str:
        return f"{self.parent.sql}.{quote(self.table)}"

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.table}"

    def folder(self, warehouse: str) -> str:
        return os.path.join(self.parent.folder(warehouse), plain(self.table))


def plain(part: str) -> str:
    """A name as its folder's name: names ignore case, as in Unity Catalog. Raises `INVALID_IDENTIFIER` where it cannot be one."""
    lower = part.lower()
    if not _PLAIN.fullmatch(lower):
        raise SqlError(
            "INVALID_IDENTIFIER",
            f"The name {part!r} cannot be used here: the local workspace takes letters a-z, digits, _ and - in names.",
        )
    return lower
