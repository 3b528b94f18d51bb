"""Puts parameter values and `IDENTIFIER(…)` names into a statement's text, as typed literals and quoted names.

Sail takes bound parameters in queries only, not in UPDATE, MERGE, INSERT or DDL. The text is read by tokens, so a
`:name` in a string, a comment, a quoted name or a value is none; values are escaped, never pasted.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import SqlError
from .names import quote_name
from .tokens import Edit, Token, TokenType, apply, tokenize

_INTEGERS = {
    "TINYINT": 8,
    "BYTE": 8,
    "SMALLINT": 16,
    "SHORT": 16,
    "INT": 32,
    "INTEGER": 32,
    "BIGINT": 64,
    "LONG": 64,
}
_SQL_INTEGER = {8: "TINYINT", 16: "SMALLINT", 32: "INT", 64: "BIGINT"}
_DATE = re.compile(r"[+-]?\d{4,6}(-\d{1,2}(-\d{1,2})?)?")
_TIMESTAMP = re.compile(
    r"[+-]?\d{4,6}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{1,2}(:\d{1,2}(\.\d{1,9})?)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}:?\d{2})?"
)
_DECIMAL_TYPE = re.compile(r"(?:DECIMAL|DEC|NUMERIC)\s*(?:\(\s*(\d{1,2})\s*(?:,\s*(\d{1,2})\s*)?\))?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Typed:
    """A parameter of the Statement Execution API: text (or None for NULL) and the name of its SQL type."""

    value: str | None
    type: str = "STRING"


def string_literal(value: str) -> str:
    """A text as a literal; the backslash escapes, because Spark joins adjacent literals (`'o''b'` is `ob`)."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def typed_literal(name: str, parameter: Typed) -> str:
    """A typed parameter as a literal. Raises `CAST_INVALID_INPUT` where the text is no value of the type."""
    kind = re.sub(r"\s+", " ", parameter.type.strip().upper())
    text = parameter.value
    decimals = _DECIMAL_TYPE.fullmatch(kind)
    if kind in _INTEGERS:
        sql_type = _SQL_INTEGER[_INTEGERS[kind]]
    elif decimals is not None:
        sql_type = f"DECIMAL({decimals[1] or 10},{decimals[2] or 0})"
    elif kind in (
        "STRING",
        "DOUBLE",
        "FLOAT",
        "REAL",
        "BOOLEAN",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP_NTZ",
        "BINARY",
        "VOID",
    ):
        sql_type = "FLOAT" if kind == "REAL" else kind
    else:
        raise SqlError(
            "UNSUPPORTED_FEATURE",
            f"The parameter {name} has the type {parameter.type!r}, which cannot be bound here",
        )
    if kind == "VOID" or text is None:
        if text is not None:
            raise _invalid(name, text, sql_type)
        return "NULL" if kind == "VOID" else f"CAST(NULL AS {sql_type})"
    if kind == "STRING":
        return string_literal(text)
    text = text.strip()
    if kind in _INTEGERS:
        return _integer(name, text, _INTEGERS[kind])
    if decimals is not None and _NUMBER.fullmatch(text):
        return f"CAST('{text}' AS {sql_type})"
    if sql_type in ("DOUBLE", "FLOAT") and (
        _NUMBER.fullmatch(text) or text.lower() in ("nan", "infinity", "-infinity", "inf", "-inf")
    ):
        return f"CAST('{text}' AS {sql_type})"
    if kind == "BOOLEAN" and text.lower() in ("true", "false", "t", "f", "y", "n", "yes", "no", "1", "0"):
        return "TRUE" if text.lower() in ("true", "t", "y", "yes", "1") else "FALSE"
    if kind == "DATE" and _DATE.fullmatch(text):
        return f"CAST('{text}' AS DATE)"
    if kind in ("TIMESTAMP", "TIMESTAMP_NTZ") and _TIMESTAMP.fullmatch(text):
        return f"CAST('{text}' AS {kind})"
    raise _invalid(name, text, sql_type)


def python_literal(name: str, value: Any) -> str:
    """A Python value as a literal, as `spark.sql(args=…)` takes it. Raises TypeError for what has no literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return _integer(name, str(value), 32 if -(2**31) <= value < 2**31 else 64)
    if isinstance(value, float):
        return f"CAST('{'NaN' if math.isnan(value) else repr(value)}' AS DOUBLE)"
    if isinstance(value, str):
        return string_literal(value)
    if isinstance(value, (bytes, bytearray)):
        return f"X'{value.hex()}'"
    if isinstance(value, decimal.Decimal):
        sign_digits = value.as_tuple()
        scale = max(0, -int(sign_digits.exponent))
        return f"CAST('{value:f}' AS DECIMAL({max(len(sign_digits.digits), scale, 1)},{scale}))"
    if isinstance(value, datetime.datetime):
        return f"CAST('{value.isoformat(' ')}' AS TIMESTAMP{'' if value.tzinfo else '_NTZ'})"
    if isinstance(value, datetime.date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    raise TypeError(f"no literal for {type(value).__name__}")


def bind(text: str, parameters: Mapping[str, Any] | Sequence[Any] | None) -> str:
    """The statement with its markers (`:name`, or `?` for a list) and `IDENTIFIER(…)` clauses filled in.

    Values are `Typed` or plain Python values. Raises `UNBOUND_SQL_PARAMETER` for a marker without a value, TypeError
    for a Python value without a literal.
    """
    named: Mapping[str, Any] = parameters if isinstance(parameters, Mapping) else {}
    listed: Sequence[Any] = [] if parameters is None or isinstance(parameters, Mapping) else parameters
    tokens = tokenize(text)
    edits: list[Edit] = []
    index = position = 0
    while index < len(tokens):
        token = tokens[index]
        clause = _identifier_clause(tokens, index, lambda marker: _value(named, marker))
        if clause is not None:
            end, name = clause
            edits.append(Edit(token.start, tokens[end].end + 1, quote_name(name)))
            index = end
        elif _is_marker(tokens, index):
            marker = tokens[index + 1].text
            edits.append(
                Edit(token.start, tokens[index + 1].end + 1, _literal(marker, _value(named, marker)))
            )
            index += 1
        elif token.token_type == TokenType.PLACEHOLDER and listed:
            if position >= len(listed):
                raise _unbound(f"_{token.start}")
            edits.append(Edit(token.start, token.end + 1, _literal(str(position), listed[position])))
            position += 1
        index += 1
    return apply(text, edits)


def _is_marker(tokens: Sequence[Token], index: int) -> bool:
    """True at the colon of `:name`; false in `column:field`, which reads a field of a JSON text."""
    token = tokens[index]
    if token.token_type != TokenType.COLON or index + 1 >= len(tokens):
        return False
    following = tokens[index + 1]
    if following.start != token.end + 1 or not re.fullmatch(r"[A-Za-z_]\w*", following.text):
        return False
    if following.token_type in (TokenType.STRING, TokenType.IDENTIFIER, TokenType.RAW_STRING):
        return False
    before = tokens[index - 1] if index else None
    operand = (TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET)
    return before is None or before.end + 1 != token.start or before.token_type not in operand


def _identifier_clause(
    tokens: Sequence[Token], index: int, value_of: Callable[[str], Any]
) -> tuple[int, str] | None:
    """At `IDENTIFIER(…)`: the index of its closing parenthesis, and the name that its constant text spells."""
    token = tokens[index]
    if token.token_type == TokenType.IDENTIFIER or token.text.upper() != "IDENTIFIER":
        return None
    if index + 1 >= len(tokens) or tokens[index + 1].token_type != TokenType.L_PAREN:
        return None
    parts: list[str] = []
    at = index + 2
    while at < len(tokens) and tokens[at].token_type != TokenType.R_PAREN:
        if tokens[at].token_type in (TokenType.STRING, TokenType.RAW_STRING):
            parts.append(tokens[at].text)
        elif _is_marker(tokens, at):
            value = value_of(tokens[at + 1].text)
            parts.append((value.value if isinstance(value, Typed) else value) or "")
            at += 1
        elif tokens[at].token_type != TokenType.DPIPE:
            raise SqlError(
                "PARSE_SYNTAX_ERROR",
                "IDENTIFIER takes a constant text: literals and parameters, joined by ||",
            )
        at += 1
    if at >= len(tokens):
        raise SqlError("PARSE_SYNTAX_ERROR", "Syntax error: IDENTIFIER( is not closed")
    return at, "".join(parts)


def _literal(name: str, value: Any) -> str:
    return typed_literal(name, value) if isinstance(value, Typed) else python_literal(name, value)


def _value(named: Mapping[str, Any], marker: str) -> Any:
    if marker not in named:
        raise _unbound(marker)
    return named[marker]


def _unbound(marker: str) -> SqlError:
    return SqlError(
        "UNBOUND_SQL_PARAMETER",
        f"Found the unbound parameter: {marker}. Please, fix `args` and provide a mapping of the parameter to a literal",
    )


def _integer(name: str, text: str, bits: int) -> str:
    if not re.fullmatch(r"[+-]?\d+", text) or not -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1):
        raise _invalid(name, text, _SQL_INTEGER[bits])
    value = int(text)
    # In parentheses, or `x-:n` would become the comment `x--5`.
    if value < 0:
        return f"CAST('{value}' AS {_SQL_INTEGER[bits]})"
    return str(value) if bits == 32 else f"{value}{ {8: 'Y', 16: 'S', 64: 'L'}[bits] }"


def _invalid(name: str, text: str, sql_type: str) -> SqlError:
    return SqlError(
        "CAST_INVALID_INPUT",
        f'The value {string_literal(text)} of the parameter {name} cannot be cast to "{sql_type}" because it is malformed',
    )
