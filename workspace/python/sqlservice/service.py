"""Takes statements from standard input and runs several at once, each in a session of its own.

Request: `{"id", "statement", "parameters": [{"name", "value", "type"}], "catalog", "schema", "user", "row_limit",
"remote", "warehouse"}`, or `{"id", "cancel": true}`. Messages to the server: `{"id", "state": "RUNNING"}`, then one of
`{"id", "columns", "rows", "truncated"}` and `{"id", "error": {"condition", "sqlstate", "message"}}`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TextIO

from localspark.binding import Typed
from localspark.catalog import DEFAULT_CATALOG, DEFAULT_SCHEMA
from localspark.ddl import use_schema
from localspark.errors import SqlError, is_conflict, translate
from localspark.outcome import Outcome
from localspark.resolve import schema_name
from localspark.session import LocalSparkSession
from localspark.statements import run
from localspark.tokens import TokenType, tokenize
from pyspark.errors import PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException

from .pool import SessionPool
from .results import columns_of, rows_of

# Statements at once; more wait in the queue (PENDING), as on a small warehouse.
_CONCURRENT = 12
_READ_LIMIT_SECONDS = 20.0
# After this, a cancelled statement's session is closed under it.
_INTERRUPT_SECONDS = 5.0
# Statements that leave something in the session: it is not given to another statement afterwards.
_LEAVE_STATE = (
    "SET",
    "RESET",
    "CACHE",
    "UNCACHE",
    "ADD",
    "CREATE OR REPLACE TEMP",
    "CREATE TEMP",
    "DECLARE",
    "DROP VIEW",
)


class Service:
    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._write_lock = threading.Lock()
        self._workers = ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="statement")
        self._sessions = SessionPool()
        self._cancelled: set[str] = set()
        self._running: dict[str, LocalSparkSession] = {}
        self._lock = threading.Lock()

    def take(self, request: dict[str, Any]) -> None:
        if not request.get("cancel"):
            self._workers.submit(self._execute, request)
            return
        with self._lock:
            self._cancelled.add(request["id"])
            session = self._running.get(request["id"])
        if session is not None:
            threading.Thread(target=self._interrupt, args=(request["id"], session), daemon=True).start()

    def _interrupt(self, key: str, session: LocalSparkSession) -> None:
        """Interrupts until the statement has ended: what Sail has not begun yet cannot be interrupted."""
        limit = time.monotonic() + _INTERRUPT_SECONDS
        while self._running.get(key) is session:
            try:
                if time.monotonic() > limit:
                    session.stop()
                    return
                session.interruptAll()
            except Exception as error:
                print(f"interrupt: {error}", file=sys.stderr)
            time.sleep(0.1)

    def _execute(self, request: dict[str, Any]) -> None:
        key = request["id"]
        statement = request["statement"]
        if key in self._cancelled:
            self._finish(key)
            return
        self._send({"id": key, "state": "RUNNING"})
        try:
            answer = self._run(key, request)
        except Exception as error:
            failure = translate(error, statement)
            detail = {"condition": failure.condition, "sqlstate": failure.sqlstate, "message": str(failure)}
            answer = {"error": detail}
        self._send({"id": key, **answer})
        self._finish(key)

    def _run(self, key: str, request: dict[str, Any]) -> dict[str, Any]:
        statement = only_statement(request["statement"])
        parameters = {
            each["name"]: Typed(each.get("value"), each.get("type") or "STRING")
            for each in request["parameters"]
        }
        # A failed session is not used again: Sail may have been started anew, or have dropped it.
        keep = False
        session = self._sessions.take(request["remote"], request["warehouse"], request["user"])
        try:
            with self._lock:
                if key in self._cancelled:
                    raise SqlError("OPERATION_CANCELED", "The statement was cancelled before it began")
                self._running[key] = session
            _select_schema(session, request.get("catalog"), request.get("schema"))
            table = _read(session, statement, parameters, request.get("row_limit"))
            keep = not statement.upper().startswith(_LEAVE_STATE)
        except SqlError:
            keep = True
            raise
        except PySparkException as error:
            # The bare class stands for what is no answer of the engine: a lost connection, a server gone.
            keep = type(error) is not SparkConnectGrpcException and "session" not in str(error)
            raise
        finally:
            with self._lock:
                self._running.pop(key, None)
                keep = keep and key not in self._cancelled
            self._sessions.give_back(session, keep)
        return table

    def _finish(self, key: str) -> None:
        with self._lock:
            self._cancelled.discard(key)

    def _send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message, separators=(",", ":"))
        with self._write_lock:
            self._output.write(line + "\n")
            self._output.flush()


def only_statement(text: str) -> str:
    """The statement without comments around it. Raises `PARSE_SYNTAX_ERROR` for none or for several."""
    tokens = tokenize(text)
    words = [token for token in tokens if token.token_type != TokenType.SEMICOLON]
    if not words:
        raise SqlError("PARSE_SYNTAX_ERROR", "Syntax error, unexpected empty statement")
    start, end = words[0].start, words[-1].end + 1
    if any(token.token_type == TokenType.SEMICOLON and start < token.start < end for token in tokens):
        raise SqlError(
            "PARSE_SYNTAX_ERROR", "Syntax error at or near ';': extra input. A request holds one statement"
        )
    return text[start:end]


def _select_schema(session: LocalSparkSession, catalog: str | None, schema: str | None) -> None:
    use_schema(session, schema_name(session, [catalog or DEFAULT_CATALOG, schema or DEFAULT_SCHEMA]))


def _read(
    session: LocalSparkSession, statement: str, parameters: dict[str, Typed], row_limit: int | None
) -> dict[str, Any]:
    """Runs the statement and fetches its rows. A read that a commit overtook is done again; a write never is."""
    limit = time.monotonic() + _READ_LIMIT_SECONDS
    while True:
        outcome: Outcome | None = None
        try:
            outcome = run(session, statement, parameters)
            if outcome.frame is not None:
                frame = outcome.frame if row_limit is None else outcome.frame.limit(row_limit + 1)
                table = frame.toArrow()
            else:
                table = outcome.table
            break
        except Exception as error:
            reads = (
                statement[:6].upper().startswith(("SELECT", "WITH", "VALUES", "TABLE", "DESC", "SHOW", "("))
            )
            if not reads or not is_conflict(error) or time.monotonic() > limit:
                raise
            time.sleep(0.02)
    truncated = row_limit is not None and table.num_rows > row_limit
    if truncated:
        table = table.slice(0, row_limit)
    return {"columns": columns_of(table.schema), "rows": rows_of(table), "truncated": truncated}


def main() -> None:
    # Prints of libraries must not come between the answers.
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    service = Service(output)
    output.write('{"ready":true}\n')
    output.flush()
    for line in sys.stdin:
        service.take(json.loads(line))
    # The server is gone: so are the readers of what still runs.
    os._exit(0)
