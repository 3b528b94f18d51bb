"""DESCRIBE and SHOW, answered from the Delta log and the warehouse folder."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

import pyarrow as pa

from . import delta
from .outcome import Outcome
from .resolve import current, existing_table, schema_name, table_here
from .tokens import TokenType

if TYPE_CHECKING:
    from .statements import Statement


def describe(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    warehouse = session.folder.warehouse
    if cursor.take("HISTORY"):
        name = existing_table(session, cursor)
        limit = None
        if cursor.take("LIMIT") and cursor.token is not None:
            limit = int(cursor.token.text)
        return Outcome(table=delta.history(delta.open_table(name, warehouse), limit))
    if cursor.take("DETAIL"):
        name = existing_table(session, cursor)
        return Outcome(table=delta.detail(delta.open_table(name, warehouse), name))
    if cursor.word in ("QUERY", "FUNCTION", "SCHEMA", "DATABASE", "CATALOG", "SELECT", "WITH"):
        return None
    cursor.take("TABLE")
    extended = cursor.take("EXTENDED") or cursor.take("FORMATTED")
    found = table_here(session, cursor)
    if found is None or not cursor.done:
        return None
    if not session.folder.exists(found[0]):
        # A view of this session, or nothing: Sail knows, but wants the word TABLE.
        return Outcome(frame=session.sail_sql(f"DESCRIBE TABLE {cursor.text[found[1] : found[2]]}"))
    return Outcome(table=delta.describe(delta.open_table(found[0], warehouse), found[0], extended))


def show_properties(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    name = existing_table(session, cursor)
    key = None
    if cursor.token is not None and cursor.token.token_type == TokenType.L_PAREN:
        cursor.index += 1
        key = cursor.token.text if cursor.token is not None else None
    return Outcome(table=delta.properties(delta.open_table(name, session.folder.warehouse), key))


def show_create(statement: Statement) -> Outcome | None:
    name = existing_table(statement.session, statement.cursor)
    table = delta.open_table(name, statement.session.folder.warehouse)
    return Outcome(table=_names("createtab_stmt", [delta.create_statement(table, name)]))


def show_columns(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    if not cursor.take("IN") and not cursor.take("FROM"):
        return None
    name = existing_table(session, cursor)
    if not cursor.done:
        return None
    columns = delta.fields(delta.open_table(name, session.folder.warehouse))
    return Outcome(table=_names("col_name", [each["name"] for each in columns]))


def show_schemas(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    catalog = None
    if cursor.take("IN") or cursor.take("FROM"):
        found = cursor.name()
        catalog = schema_name(session, [*(found[0] if found else []), "default"]).catalog
    catalog = catalog or current(session)[0]
    names = sorted(each.schema for each in session.folder.scan()[0] if each.catalog == catalog)
    return Outcome(table=_names("databaseName", _matching(statement, names)))


def show_catalogs(statement: Statement) -> Outcome | None:
    return Outcome(table=_names("catalog", _matching(statement, statement.session.known_catalogs)))


def _matching(statement: Statement, names: list[str]) -> list[str]:
    """Those that fit `[LIKE] 'pattern'`, where `*` stands for anything and `|` separates patterns."""
    cursor = statement.cursor
    cursor.take("LIKE")
    if cursor.token is None or cursor.token.token_type != TokenType.STRING:
        return names
    patterns = cursor.token.text.lower().split("|")
    return [name for name in names if any(fnmatch.fnmatchcase(name, each.strip()) for each in patterns)]


def _names(column: str, values: list[str]) -> pa.Table:
    return pa.table({column: pa.array(values, pa.string())})
