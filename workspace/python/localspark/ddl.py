"""CREATE, DROP and USE of catalogs, schemas and tables: the folder is what counts, the session's catalog follows it."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from typing import TYPE_CHECKING

from . import delta
from .catalog import DEFAULT_SCHEMA
from .dml import counts_of
from .errors import SqlError
from .names import SchemaName, TableName, plain, quote
from .outcome import Outcome, counts, nothing
from .resolve import missing, schema_name, table_here
from .tokens import Cursor, Edit, TokenType, apply

if TYPE_CHECKING:
    from .session import LocalSparkSession
    from .statements import Statement


def create_table(statement: Statement) -> Outcome | None:
    return _create(statement, replace=False)


def replace_table(statement: Statement) -> Outcome | None:
    return _create(statement, replace=True)


def _create(statement: Statement, replace: bool) -> Outcome | None:
    """Sail would let two sessions create one table at once, so the decision is made here, under the schema's lock."""
    session, cursor = statement.session, statement.cursor
    if_not_exists = cursor.take("IF", "NOT", "EXISTS")
    target = table_here(session, cursor)
    if target is None:
        return None
    name, start, end = target
    edits = [Edit(start, end, name.sql)]
    if not _managed_delta(cursor, edits):
        return None
    query = cursor.text[cursor.token.start :] if cursor.token is not None else ""
    text = apply(cursor.text, edits)
    if not os.path.isdir(name.parent.folder(session.folder.warehouse)):
        raise SqlError("SCHEMA_NOT_FOUND", f"The schema `{name.catalog}`.`{name.schema}` cannot be found")
    with session.folder.exclusively(name.parent):
        if session.folder.exists(name) and not replace:
            if if_not_exists:
                return nothing()
            raise SqlError(
                "TABLE_OR_VIEW_ALREADY_EXISTS",
                f"Cannot create table or view `{name.schema}`.`{name.table}` because it already exists."
                " Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause",
            )
        if query and session.folder.exists(name):
            outcome = _replace_by_query(session, name, query)
        else:
            frame = session.sail_sql(text)
            outcome = counts_of(frame, "inserted") if frame.columns == ["count"] else nothing()
        session.folder.register(name)
    return outcome


def _replace_by_query(session: LocalSparkSession, name: TableName, query: str) -> Outcome:
    """Sail's own CREATE OR REPLACE … AS keeps the old columns; a data frame's overwrite does not."""
    rows = session.sail_sql(re.sub(r"^AS\b", "", query, flags=re.IGNORECASE))
    rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true").saveAsTable(name.sql)
    metrics = delta.open_table(name, session.folder.warehouse).history(1)[0].get("operationMetrics") or {}
    count = int(metrics.get("numOutputRows", 0))
    return counts(num_affected_rows=count, num_inserted_rows=count)


def _managed_delta(cursor: Cursor, edits: list[Edit]) -> bool:
    """Reads the rest of CREATE TABLE behind the name; adds `USING DELTA`, takes `CLUSTER BY` out (Sail refuses it).

    False for what is no managed Delta table: another format, a LOCATION, a copy (LIKE, CLONE).
    """
    cursor.skip_parentheses()
    before = cursor.tokens[cursor.index - 1]
    place = before.end + 1
    using = False
    while not cursor.done:
        if cursor.word in ("LIKE", "SHALLOW", "DEEP", "CLONE", "LOCATION"):
            return False
        if cursor.take("USING"):
            using = True
            if cursor.word != "DELTA":
                return False
        elif cursor.token is not None and cursor.word.startswith("CLUSTER"):
            first = cursor.token
            while cursor.token is not None and cursor.token.token_type != TokenType.L_PAREN:
                cursor.index += 1
            group = cursor.skip_parentheses()
            edits.append(Edit(first.start, group[1] if group else first.end + 1, ""))
            continue
        elif cursor.word in ("AS", "SELECT", "WITH"):
            break
        elif cursor.skip_parentheses() is not None:
            continue
        cursor.index += 1
    if not using:
        edits.append(Edit(place, place, " USING DELTA"))
    return True


def drop_table(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    if_exists = cursor.take("IF", "EXISTS")
    target = table_here(session, cursor)
    if target is None:
        return None
    name = target[0]
    with session.folder.exclusively(name.parent):
        if session.folder.exists(name):
            session.folder.forget(name)
            remove_folder(name.folder(session.folder.warehouse), session.folder.warehouse)
            return nothing()
    if if_exists:
        session.sail_sql(f"DROP TABLE IF EXISTS {name.sql}")
        return nothing()
    raise missing(name)


def remove_folder(folder: str, warehouse: str) -> None:
    """Removes a table or schema in one step for all who look at the folder; the files go afterwards."""
    bin_folder = os.path.join(warehouse, ".dropped")
    os.makedirs(bin_folder, exist_ok=True)
    gone = os.path.join(bin_folder, uuid.uuid4().hex)
    os.rename(folder, gone)
    shutil.rmtree(gone, ignore_errors=True)


def create_schema(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    if_not_exists = cursor.take("IF", "NOT", "EXISTS")
    name = _schema(session, cursor)
    while not cursor.done:
        if cursor.word == "LOCATION":
            raise SqlError(
                "UNSUPPORTED_FEATURE",
                "The local workspace keeps each schema in its warehouse folder: leave LOCATION out",
            )
        cursor.index += 1
    folder = name.folder(session.folder.warehouse)
    try:
        os.makedirs(folder, exist_ok=if_not_exists)
    except FileExistsError:
        raise SqlError(
            "SCHEMA_ALREADY_EXISTS",
            f"Cannot create schema `{name.schema}` because it already exists."
            " Choose a different name, drop or replace the existing schema, or add the IF NOT EXISTS clause",
        ) from None
    session.folder.sync()
    return nothing()


def drop_schema(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    if_exists = cursor.take("IF", "EXISTS")
    name = _schema(session, cursor)
    cascade = cursor.take("CASCADE")
    folder = name.folder(session.folder.warehouse)
    if not os.path.isdir(folder):
        if if_exists:
            return nothing()
        raise SqlError("SCHEMA_NOT_FOUND", f"The schema `{name.catalog}`.`{name.schema}` cannot be found")
    with session.folder.exclusively(name):
        tables = [table for table in session.folder.scan()[1] if table.parent == name]
        if tables and not cascade:
            raise SqlError(
                "SCHEMA_NOT_EMPTY",
                f"Cannot drop schema `{name.schema}`: it has tables. Use CASCADE to drop them too",
            )
        remove_folder(folder, session.folder.warehouse)
        if name.schema == DEFAULT_SCHEMA:
            os.makedirs(folder, exist_ok=True)
    session.folder.sync()
    return nothing()


def create_catalog(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    if_not_exists = cursor.take("IF", "NOT", "EXISTS")
    found = cursor.name()
    name = plain(".".join(found[0])) if found else ""
    if name in session.known_catalogs and if_not_exists:
        return nothing()
    raise SqlError(
        "UNSUPPORTED_FEATURE",
        f"Sail's catalogs are fixed once it runs ({', '.join(session.known_catalogs)}). To add one, make the folder"
        f" {os.path.join(session.folder.warehouse, name)} and start the local workspace again",
    )


def create_view(_: Statement) -> Outcome | None:
    raise SqlError(
        "UNSUPPORTED_FEATURE",
        "The local workspace keeps tables only, and Sail would forget this view with the session: use a TEMPORARY VIEW or a table",
    )


def use(statement: Statement) -> Outcome | None:
    """`USE CATALOG c`, `USE [SCHEMA] s`, `USE c.s`."""
    session, cursor = statement.session, statement.cursor
    if cursor.take("CATALOG"):
        found = cursor.name()
        if found is None:
            return None
        catalog = plain(found[0][0])
        schema_name(session, [catalog, DEFAULT_SCHEMA])
        use_schema(session, SchemaName(catalog, DEFAULT_SCHEMA))
        return nothing()
    if not cursor.take("SCHEMA"):
        cursor.take("DATABASE")
    use_schema(session, _schema(session, cursor))
    return nothing()


def use_schema(session: LocalSparkSession, name: SchemaName) -> None:
    """Makes a schema the session's current one. Raises `SCHEMA_NOT_FOUND`."""
    if not os.path.isdir(name.folder(session.folder.warehouse)):
        raise SqlError("SCHEMA_NOT_FOUND", f"The schema `{name.catalog}`.`{name.schema}` cannot be found")
    session.sail_sql(f"USE CATALOG {quote(name.catalog)}")
    session.sail_sql(f"USE SCHEMA {quote(name.schema)}")


def _schema(session: LocalSparkSession, cursor: Cursor) -> SchemaName:
    found = cursor.name()
    if found is None:
        raise SqlError("PARSE_SYNTAX_ERROR", "Syntax error: expected a schema's name")
    return schema_name(session, found[0])
