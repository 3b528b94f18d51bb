"""Databricks' error conditions with their SQLSTATE, and how Sail's and delta-rs' failures map to them."""

from __future__ import annotations

import re

# Conditions and states: https://docs.databricks.com/aws/en/error-messages/error-classes
SQLSTATES = {
    "CANNOT_PARSE_PARAMETER": "22018",
    "CAST_INVALID_INPUT": "22018",
    "DELTA_CONCURRENT_APPEND": "2D521",
    "DELTA_CONCURRENT_WRITE": "2D521",
    "DELTA_MISSING_DELTA_TABLE": "42P01",
    "DELTA_UNSUPPORTED_TIME_TRAVEL": "0AKDC",
    "DIVIDE_BY_ZERO": "22012",
    "FEATURE_NOT_ENABLED": "56038",
    "FIELD_ALREADY_EXISTS": "42710",
    "INTERNAL_ERROR": "XX000",
    "INVALID_IDENTIFIER": "42602",
    "NO_SUCH_CATALOG_EXCEPTION": "42704",
    "OPERATION_CANCELED": "HY008",
    "PARSE_SYNTAX_ERROR": "42601",
    "SCHEMA_ALREADY_EXISTS": "42P06",
    "SCHEMA_NOT_EMPTY": "2BP01",
    "SCHEMA_NOT_FOUND": "42704",
    "TABLE_OR_VIEW_ALREADY_EXISTS": "42P07",
    "TABLE_OR_VIEW_NOT_FOUND": "42P01",
    "UNBOUND_SQL_PARAMETER": "42P02",
    "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION": "42703",
    "UNSUPPORTED_FEATURE": "0A000",
    "USER_RAISED_EXCEPTION": "P0001",
    "VERSION_NOT_FOUND": "22003",
}


class SqlError(Exception):
    """A statement's failure as Databricks words it: `[CONDITION] what happened. SQLSTATE: state`."""

    def __init__(self, condition: str, detail: str) -> None:
        self.condition = condition
        self.sqlstate = SQLSTATES.get(condition, SQLSTATES["INTERNAL_ERROR"])
        super().__init__(f"[{condition}] {detail.rstrip('. ')}. SQLSTATE: {self.sqlstate}")


# Patterns in the messages of Sail 0.7.2 and delta-rs 1.6, the first that fits counts. `{0}` is the first group.
_PATTERNS: list[tuple[str, str, str]] = [
    (
        r"Failed to commit transaction|Missing commit file|commit conflict|CommitFailed|concurrent transaction",
        "DELTA_CONCURRENT_APPEND",
        "Transaction conflict detected. A concurrent transaction changed the table that this statement read or wrote."
        " Please try the operation again",
    ),
    (
        r"(?s)Table or view not found: (\S+)|View not found: (\S+)|Table not found: (?!\[)(\S+)",
        "TABLE_OR_VIEW_NOT_FOUND",
        "The table or view `{0}` cannot be found. Verify the spelling and correctness of the schema and catalog",
    ),
    (
        r"No commit files found in _delta_log",
        "TABLE_OR_VIEW_NOT_FOUND",
        "The table cannot be found: it was dropped while the statement ran",
    ),
    (r"Database not found: (\S+)", "SCHEMA_NOT_FOUND", "The schema `{0}` cannot be found"),
    (
        r"Database already exists: (\S+)",
        "SCHEMA_ALREADY_EXISTS",
        "Cannot create schema `{0}` because it already exists",
    ),
    (
        r"Table already exists: (\S+)",
        "TABLE_OR_VIEW_ALREADY_EXISTS",
        "Cannot create table or view `{0}` because it already exists",
    ),
    (
        r"Cannot drop non-empty database '(\S+)'",
        "SCHEMA_NOT_EMPTY",
        "Cannot drop the schema `{0}`: it has objects",
    ),
    (
        r"Placeholder ':?(\w+)' was not provided",
        "UNBOUND_SQL_PARAMETER",
        "Found the unbound parameter: {0}. Provide a value for it in the statement's parameters",
    ),
    (
        r"attribute ObjectName\(\[Identifier\(\"([^\"]*)\"\)\]\) is missing|No field named \"?([\w.]+)\"?",
        "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
        "A column, variable, or function parameter with name `{0}` cannot be resolved",
    ),
    (r"divide by zero", "DIVIDE_BY_ZERO", "Division by zero. Use `try_divide` to tolerate a divisor of 0"),
    (r"Cannot cast (string .*)|Cast error: (.*)", "CAST_INVALID_INPUT", "Cannot cast {0}"),
    (r"(found .* expected .*)", "PARSE_SYNTAX_ERROR", "Syntax error: {0}"),
    (r"(expected one statement)", "PARSE_SYNTAX_ERROR", "Syntax error: {0}"),
    (
        r"[Vv]ersion .*(?:not found|does not exist|is invalid)|Invalid table version",
        "VERSION_NOT_FOUND",
        "{text}",
    ),
]


def translate(error: BaseException, statement: str = "") -> SqlError:
    """The failure of a statement as Databricks would report it; unknown ones keep their text.

    Sail names only the last part of a missing table; the rest is looked up in `statement`.
    """
    if isinstance(error, SqlError):
        return error
    text = first_line(error)
    for pattern, condition, detail in _PATTERNS:
        match = re.search(pattern, text)
        if match is not None:
            group = next((each for each in match.groups() if each), "") if match.groups() else ""
            if condition == "TABLE_OR_VIEW_NOT_FOUND" and group:
                group = _as_written(group, statement)
            return SqlError(
                condition, detail.replace("{0}", _shortened(group)).replace("{text}", _shortened(text))
            )
    kind = type(error).__name__
    if kind in ("UnsupportedOperationException", "SparkUnsupportedOperationException"):
        return SqlError(
            "UNSUPPORTED_FEATURE", f"The local workspace does not support this: {_shortened(text)}"
        )
    return SqlError("INTERNAL_ERROR", _shortened(text))


def _as_written(name: str, statement: str) -> str:
    found = re.search(
        rf"((?:[\w-]+\s*\.\s*|`[^`]+`\s*\.\s*)*)`?{re.escape(name)}`?", statement, re.IGNORECASE
    )
    parts = re.findall(r"`([^`]+)`|([\w-]+)", found[1]) if found else []
    return "`.`".join([*(quoted or plain for quoted, plain in parts), name])


def is_conflict(error: BaseException) -> bool:
    """True where a commit lost against another one, and nothing was written."""
    return translate(error).condition == "DELTA_CONCURRENT_APPEND"


def first_line(error: BaseException) -> str:
    """The message without the server's stack trace, on one line."""
    message = str(getattr(error, "message", None) or error)
    return " ".join(message.split("\n\nJVM stacktrace", maxsplit=1)[0].split())


def _shortened(text: str, limit: int = 600) -> str:
    return text if len(text) <= limit else text[:limit] + "…"
