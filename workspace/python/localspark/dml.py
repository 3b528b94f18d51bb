"""INSERT, UPDATE, DELETE and MERGE: Databricks' result rows, and the forms that Sail does not take.

Sail itself finds conflicts: it fails a commit that another one overtook, without writing anything. UPDATE, DELETE and
MERGE report that, as Databricks does (`DELTA_CONCURRENT_APPEND`); an INSERT never conflicts there, so it is repeated.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql.connect.dataframe import DataFrame

from . import delta
from .errors import SqlError, is_conflict
from .names import TableName, quote
from .outcome import Outcome, counts, nothing
from .resolve import existing_table, table_here
from .tokens import Cursor, Edit, TokenType, apply

if TYPE_CHECKING:
    from .session import LocalSparkSession
    from .statements import Statement

_INSERT_LIMIT_SECONDS = 30.0


def insert(statement: Statement) -> Outcome | None:
    session, cursor = statement.session, statement.cursor
    if not cursor.take("INTO") and not cursor.take("OVERWRITE"):
        return None
    cursor.take("TABLE")
    target = table_here(session, cursor)
    if target is None or not session.folder.exists(target[0]):
        return None
    name, start, end = target
    edits = [Edit(start, end, name.sql), *_all_columns(session, cursor, name)]
    text = apply(cursor.text, edits)
    limit = time.monotonic() + _INSERT_LIMIT_SECONDS
    while True:
        try:
            return counts_of(session.sail_sql(text), "inserted")
        except Exception as error:
            if not is_conflict(error) or time.monotonic() > limit:
                raise
            time.sleep(random.uniform(0.005, 0.05))


def _all_columns(session: LocalSparkSession, cursor: Cursor, name: TableName) -> list[Edit]:
    """Sail wants every column in the list, spelled as in the table: the missing ones are set to NULL."""
    first = cursor.token
    group = cursor.skip_parentheses()
    if first is None or group is None or cursor.done:
        return []
    inner = Cursor(cursor.text[group[0] + 1 : group[1] - 1])
    listed: list[str] = []
    while (column := inner.name()) is not None and len(column[0]) == 1:
        listed.append(column[0][0])
        if inner.token is None or inner.token.token_type != TokenType.COMMA:
            break
        inner.index += 1
    if not inner.done or not listed or listed[0].upper() in ("SELECT", "WITH", "VALUES"):
        return []
    columns = delta.fields(delta.open_table(name, session.folder.warehouse))
    known = {each["name"].lower(): each for each in columns}
    for column in listed:
        if column.lower() not in known:
            raise SqlError(
                "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
                f"A column, variable, or function parameter with name `{column}` cannot be resolved in {name}",
            )
    wanted = {column.lower() for column in listed}
    absent = [each for each in columns if each["name"].lower() not in wanted]
    full = [quote(known[column.lower()]["name"]) for column in listed] + [
        quote(each["name"]) for each in absent
    ]
    edits = [Edit(group[0], group[1], f"({', '.join(full)})")]
    if absent:
        places = ", ".join(f"`__{index}`" for index in range(len(listed)))
        nulls = "".join(f", CAST(NULL AS {delta.type_text(each['type'])})" for each in absent)
        last = cursor.tokens[-1].end + 1
        edits.append(Edit(group[1], group[1], f" SELECT {places}{nulls} FROM ("))
        edits.append(Edit(last, last, f"\n) AS `__rows`({places})"))
    return edits


def update(statement: Statement) -> Outcome | None:
    def result(count: int, found: dict[str, Any]) -> Outcome:
        return counts(num_affected_rows=int(found.get("numUpdatedRows", count)))

    return _change(statement, "UPDATE", result)


def delete(statement: Statement) -> Outcome | None:
    def result(_: int, found: dict[str, Any]) -> Outcome:
        return counts(num_affected_rows=int(found.get("numDeletedRows", 0)))

    return _change(statement, "DELETE", result, deletes=True)


def truncate(statement: Statement) -> Outcome | None:
    name = existing_table(statement.session, statement.cursor)
    statement.session.sail_sql(f"DELETE FROM {name.sql}")
    return nothing()


def merge(statement: Statement) -> Outcome | None:
    def result(count: int, found: dict[str, Any]) -> Outcome:
        inserted = int(found.get("numTargetRowsInserted", count))
        updated = int(found.get("numTargetRowsUpdated", 0))
        deleted = int(found.get("numTargetRowsDeleted", 0))
        return counts(
            num_affected_rows=inserted + updated + deleted,
            num_updated_rows=updated,
            num_deleted_rows=deleted,
            num_inserted_rows=inserted,
        )

    words = statement.cursor.tokens
    deletes = any(
        before.text.upper() == "THEN" and token.text.upper() == "DELETE"
        for before, token in itertools.pairwise(words)
    )
    return _change(statement, "MERGE", result, deletes, _aliased_source(statement.cursor))


def _aliased_source(cursor: Cursor) -> list[Edit]:
    """Sail takes no column names in MERGE's `USING (…) AS s(a, b)`: the source is wrapped in a query."""
    begin = cursor.index
    try:
        while not cursor.done and not cursor.take("USING"):
            if cursor.skip_parentheses() is None:
                cursor.index += 1
        source = cursor.skip_parentheses()
        cursor.take("AS")
        alias = cursor.name()
        columns = cursor.skip_parentheses()
        if source is None or alias is None or columns is None:
            return []
        name = quote(alias[0][-1])
        return [Edit(source[0], source[0], "(SELECT * FROM "), Edit(columns[1], columns[1], f") AS {name}")]
    finally:
        cursor.index = begin


def _change(
    statement: Statement,
    operation: str,
    result: Callable[[int, dict[str, Any]], Outcome],
    deletes: bool = False,
    edits: Sequence[Edit] = (),
) -> Outcome | None:
    """Runs a statement that changes rows of the table at the cursor; `result` gets Sail's count and the log's numbers."""
    session, cursor = statement.session, statement.cursor
    target = table_here(session, cursor)
    if target is None or not session.folder.exists(target[0]):
        return None
    name, start, end = target
    text = apply(cursor.text, [Edit(start, end, name.sql), *edits])
    with contextlib.ExitStack() as stack:
        if deletes:
            # One after the other: a deletion's count does not tell whether it committed (see `_metrics`).
            stack.enter_context(session.folder.exclusively(name))
        before = delta.open_table(name, session.folder.warehouse).version()
        count = int(session.sail_sql(text).collect()[0][0])
        found = _metrics(session, name, before, operation, count) if count > 0 or deletes else {}
    return result(count, found)


def _metrics(
    session: LocalSparkSession, name: TableName, before: int, operation: str, count: int
) -> dict[str, Any]:
    """The numbers that our commit left in the log since version `before`; empty where we committed nothing.

    Sail's own count is that of the rows which it wrote: those copied from a changed file are in it, those deleted are
    not. So a positive count says that we committed, and which commit it was; zero says that we did not, unless rows
    were deleted, and deletions hold a lock.
    """
    table = delta.open_table(name, session.folder.warehouse)
    since = table.version() - before
    if since <= 0:
        return {}
    metrics = [
        each.get("operationMetrics") or {}
        for each in table.history(since)
        if each.get("operation") == operation
    ]
    ours = [each for each in metrics if int(each.get("numOutputRows", 0)) == count]
    if count == 0:
        ours = [
            each
            for each in ours
            if int(each.get("numDeletedRows", 0)) or int(each.get("numTargetRowsDeleted", 0))
        ]
    return ours[0] if ours else {}


def counts_of(frame: DataFrame, verb: str) -> Outcome:
    """Sail's `count` as Databricks' columns."""
    rows = frame.collect()
    count = int(rows[0][0]) if rows else 0
    return counts(**{"num_affected_rows": count, f"num_{verb}_rows": count})
