"""Runs one statement: fills in its parameters, sends it to Sail, and does itself what Sail lacks or does otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import ddl, describe, dml, maintenance
from .binding import bind
from .names import split_name
from .outcome import Outcome
from .resolve import table_name
from .tokens import Cursor, Edit, apply

if TYPE_CHECKING:
    from .session import LocalSparkSession


@dataclass(frozen=True)
class Statement:
    """What a handler is given: the session, and a cursor that stands behind the words that chose the handler."""

    session: LocalSparkSession
    cursor: Cursor

    @property
    def text(self) -> str:
        return self.cursor.text


Handler = Callable[[Any], Outcome | None]

# First words and who takes the statement over; a handler that gives None leaves it to Sail. The first that fits counts.
HANDLERS: list[tuple[str, Handler]] = [
    ("CREATE TABLE", ddl.create_table),
    ("CREATE EXTERNAL TABLE", ddl.create_table),
    ("CREATE OR REPLACE TABLE", ddl.replace_table),
    ("REPLACE TABLE", ddl.replace_table),
    ("DROP TABLE", ddl.drop_table),
    ("CREATE SCHEMA", ddl.create_schema),
    ("CREATE DATABASE", ddl.create_schema),
    ("DROP SCHEMA", ddl.drop_schema),
    ("DROP DATABASE", ddl.drop_schema),
    ("CREATE CATALOG", ddl.create_catalog),
    ("CREATE VIEW", ddl.create_view),
    ("CREATE OR REPLACE VIEW", ddl.create_view),
    ("USE", ddl.use),
    ("ALTER TABLE", maintenance.alter_table),
    ("COMMENT ON TABLE", maintenance.comment_on_table),
    ("OPTIMIZE", maintenance.optimize),
    ("VACUUM", maintenance.vacuum),
    ("RESTORE TABLE", maintenance.restore),
    ("RESTORE", maintenance.restore),
    ("REFRESH TABLE", maintenance.refresh),
    ("TRUNCATE TABLE", dml.truncate),
    ("INSERT", dml.insert),
    ("UPDATE", dml.update),
    ("DELETE FROM", dml.delete),
    ("DELETE", dml.delete),
    ("MERGE INTO", dml.merge),
    ("MERGE", dml.merge),
    ("DESCRIBE", describe.describe),
    ("DESC", describe.describe),
    ("SHOW TBLPROPERTIES", describe.show_properties),
    ("SHOW CREATE TABLE", describe.show_create),
    ("SHOW COLUMNS", describe.show_columns),
    ("SHOW SCHEMAS", describe.show_schemas),
    ("SHOW DATABASES", describe.show_schemas),
    ("SHOW CATALOGS", describe.show_catalogs),
]


def run(session: LocalSparkSession, text: str, parameters: Any = None) -> Outcome:
    """Runs a statement with its parameters (a mapping or a list of Python values or `Typed`).

    Raises `SqlError` for what is found here, PySpark's exceptions for what Sail says.
    """
    try:
        bound = bind(text, parameters)
    except TypeError:
        # A value without a literal (a column, a list): Sail binds it, in queries.
        return Outcome(frame=session.sail_sql(text, parameters))
    session.folder.sync()
    cursor = Cursor(known_names_in_lower_case(session, bound))
    for words, handler in HANDLERS:
        if cursor.take(*words.split()):
            outcome = handler(Statement(session, cursor))
            if outcome is not None:
                return outcome
            break
    return plain(session, cursor.text)


def plain(session: LocalSparkSession, text: str) -> Outcome:
    """Sends a statement to Sail. A command's `value: true` is no result on Databricks."""
    frame = session.sail_sql(text)
    if _is_command(text) and frame.columns in (["value"], []):
        return Outcome(table=pa.table({}))
    return Outcome(frame=frame)


def _is_command(text: str) -> bool:
    return (
        re.match(r"\s*(create|drop|alter|use|set|reset|cache|uncache|comment)\b", text, re.IGNORECASE)
        is not None
    )


def known_names_in_lower_case(session: LocalSparkSession, text: str) -> str:
    """Names of tables on disk in lower case: Databricks ignores case in names, Sail does not."""
    if text == text.lower():
        return text
    schemas = session.folder.schemas
    cursor = Cursor(text)
    edits: list[Edit] = []
    while not cursor.done:
        first = cursor.index
        name = cursor.name()
        if name is None:
            cursor.index += 1
            continue
        parts = [part.lower() for part in name[0]]
        # catalog.schema.table, catalog.schema or schema.table; a column's name may follow.
        length = (
            3
            if tuple(parts[:2]) in schemas
            else 2
            if len(parts) > 1 and any(parts[0] == each[1] for each in schemas)
            else 0
        )
        for token in cursor.tokens[first : first + 2 * length : 2][: len(parts)]:
            source = cursor.source(token)
            if source != source.lower():
                edits.append(Edit(token.start, token.end + 1, source.lower()))
    return apply(text, edits)


#: What Databricks writes into each Delta commit of the session. Sail knows only the writer's option of that name.
_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"


def before_write(session: LocalSparkSession, arguments: tuple[Any, ...]) -> None:
    """Where a data frame is saved as a table: Delta unless something else is said, as on Databricks (Sail: Parquet).

    The session's metadata for commits goes into the write's options, unless it has its own. SQL has no such options.
    """
    for argument in arguments:
        plan = getattr(argument, "plan", None)
        if plan is None or not plan.HasField("command"):
            continue
        command = plan.command
        written = ""
        if command.HasField("write_operation"):
            write = command.write_operation
            if write.WhichOneof("save_type") == "table":
                written = write.table.table_name
                write.source = write.source or "delta"
            metadata = session.conf.get(_USER_METADATA, "") if write.source == "delta" else ""
            if metadata and not any(option.lower() == "usermetadata" for option in write.options):
                write.options["userMetadata"] = metadata
        elif command.HasField("write_operation_v2"):
            written = command.write_operation_v2.table_name
            command.write_operation_v2.provider = command.write_operation_v2.provider or "delta"
        if written:
            session.folder.note_write(table_name(session, split_name(written)))
