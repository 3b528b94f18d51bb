"""From a name in a statement to the table or schema that it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import SqlError
from .names import SchemaName, TableName, plain
from .tokens import Cursor

if TYPE_CHECKING:
    from .session import LocalSparkSession


def table_here(session: LocalSparkSession, cursor: Cursor) -> tuple[TableName, int, int] | None:
    """The table named at the cursor and the name's place; None (no move) where it is no catalog name (a path, nothing)."""
    begin = cursor.index
    found = cursor.name()
    if found is None:
        return None
    parts, start, end = found
    if len(parts) == 2 and parts[0].lower() in ("delta", "parquet", "json", "csv"):
        cursor.index = begin
        return None
    return table_name(session, parts), start, end


def table_name(session: LocalSparkSession, parts: list[str]) -> TableName:
    if len(parts) > 3:
        raise SqlError("PARSE_SYNTAX_ERROR", f"The name {'.'.join(parts)} has more than three parts")
    parts = [plain(part) for part in parts]
    if len(parts) < 3:
        parts = [*current(session)[: 3 - len(parts)], *parts]
    return TableName(*parts)


def existing_table(session: LocalSparkSession, cursor: Cursor) -> TableName:
    """The Delta table named at the cursor. Raises where the name is missing or nothing of that name lies on disk."""
    found = table_here(session, cursor)
    if found is None:
        raise SqlError(
            "PARSE_SYNTAX_ERROR",
            f"Syntax error: expected a table's name after {cursor.text.split()[0].upper()}",
        )
    if not session.folder.exists(found[0]):
        raise missing(found[0])
    return found[0]


def schema_name(session: LocalSparkSession, parts: list[str]) -> SchemaName:
    if len(parts) > 2:
        raise SqlError("PARSE_SYNTAX_ERROR", f"The schema name {'.'.join(parts)} has more than two parts")
    parts = [plain(part) for part in parts]
    name = SchemaName(*(parts if len(parts) == 2 else [current(session)[0], parts[0]]))
    if name.catalog not in session.known_catalogs:
        raise SqlError(
            "NO_SUCH_CATALOG_EXCEPTION",
            f"Catalog '{name.catalog}' was not found. This local workspace has {', '.join(session.known_catalogs)}",
        )
    return name


def current(session: LocalSparkSession) -> tuple[str, str]:
    """The session's catalog and schema."""
    row = session.raw_sql("SELECT current_catalog(), current_schema()").collect()[0]
    return row[0], row[1]


def missing(name: TableName) -> SqlError:
    return SqlError(
        "TABLE_OR_VIEW_NOT_FOUND",
        f"The table or view `{name.catalog}`.`{name.schema}`.`{name.table}` cannot be found."
        " Verify the spelling and correctness of the schema and catalog",
    )
