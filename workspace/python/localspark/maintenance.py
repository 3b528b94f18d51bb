"""ALTER TABLE, COMMENT, OPTIMIZE, VACUUM and RESTORE by delta-rs, which commits by the same rules as Sail."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake.schema import Schema
from pyspark.sql.types import StructType

from . import delta
from .errors import SqlError
from .outcome import Outcome, nothing
from .resolve import existing_table, table_here
from .tokens import TokenType

if TYPE_CHECKING:
    from .statements import Statement


def alter_table(statement: Statement) -> Outcome | None:
    """ADD COLUMNS and RENAME TO; SET and UNSET TBLPROPERTIES are Sail's own."""
    session, cursor = statement.session, statement.cursor
    name = existing_table(session, cursor)
    if cursor.take("ADD"):
        if not cursor.take("COLUMNS") and not cursor.take("COLUMN"):
            return None
        if_not_exists = cursor.take("IF", "NOT", "EXISTS")
        if cursor.token is None:
            return None
        start, end = cursor.token.start, cursor.tokens[-1].end + 1
        if cursor.token.token_type == TokenType.L_PAREN:
            start, end = start + 1, end - 1
        added = session._parse_ddl(cursor.text[start:end])
        table = delta.open_table(name, session.folder.warehouse)
        known = {each["name"].lower() for each in delta.fields(table)}
        fresh = [each for each in added.fields if each.name.lower() not in known]
        if len(fresh) < len(added.fields) and not if_not_exists:
            twice = next(each.name for each in added.fields if each.name.lower() in known)
            raise SqlError(
                "FIELD_ALREADY_EXISTS", f"Cannot add column, because `{twice}` already exists in {name}"
            )
        if fresh:
            table.alter.add_columns(list(Schema.from_json(json.dumps(StructType(fresh).jsonValue())).fields))
        return nothing()
    if cursor.take("RENAME", "TO"):
        target = table_here(session, cursor)
        if target is None:
            return None
        with session.folder.exclusively(target[0].parent):
            if session.folder.exists(target[0]):
                raise SqlError(
                    "TABLE_OR_VIEW_ALREADY_EXISTS", f"Cannot rename {name}: {target[0]} already exists"
                )
            os.rename(name.folder(session.folder.warehouse), target[0].folder(session.folder.warehouse))
        session.folder.sync()
        return nothing()
    return None


def comment_on_table(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    name = existing_table(session, cursor)
    if not cursor.take("IS") or cursor.token is None:
        return None
    text = cursor.token.text if cursor.token.token_type == TokenType.STRING else ""
    delta.open_table(name, session.folder.warehouse).alter.set_table_description(text)
    return nothing()


def optimize(statement: Statement) -> Outcome | None:
    session = statement.session
    name = existing_table(session, statement.cursor)
    table = delta.open_table(name, session.folder.warehouse)
    metrics = table.optimize.compact()
    return Outcome(table=pa.table({"path": [table.table_uri], "metrics": [json.dumps(metrics, default=str)]}))


def vacuum(statement: Statement) -> Outcome | None:
    """`VACUUM t [RETAIN n HOURS] [DRY RUN]`."""
    session, cursor = statement.session, statement.cursor
    name = existing_table(session, cursor)
    hours = None
    if cursor.take("RETAIN") and cursor.token is not None:
        hours = int(cursor.token.text)
        cursor.index += 2
    dry_run = cursor.take("DRY", "RUN")
    table = delta.open_table(name, session.folder.warehouse)
    paths = table.vacuum(
        retention_hours=hours, dry_run=dry_run, enforce_retention_duration=hours is None or hours >= 168
    )
    return Outcome(table=pa.table({"path": pa.array(paths if dry_run else [table.table_uri], pa.string())}))


def restore(statement: Statement) -> Outcome | None:
    """`RESTORE [TABLE] t TO VERSION AS OF n`, or `TO TIMESTAMP AS OF 'time'`."""
    session, cursor = statement.session, statement.cursor
    name = existing_table(session, cursor)
    table = delta.open_table(name, session.folder.warehouse)
    if cursor.take("TO", "VERSION", "AS", "OF") and cursor.token is not None:
        table.restore(int(cursor.token.text))
    elif cursor.take("TO", "TIMESTAMP", "AS", "OF") and cursor.token is not None:
        table.restore(cursor.token.text)
    else:
        return None
    return nothing()


def refresh(_: Statement) -> Outcome | None:
    """Tables are read from their log each time."""
    return nothing()
