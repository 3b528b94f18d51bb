"""Arrow tables as the Statement Execution API shows them (`JSON_ARRAY`): typed columns, every value a text or null."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
from typing import Any

import pyarrow as pa

_NAMES: list[tuple[Any, str, str]] = [
    (pa.types.is_boolean, "BOOLEAN", "BOOLEAN"),
    (pa.types.is_int8, "BYTE", "TINYINT"),
    (pa.types.is_int16, "SHORT", "SMALLINT"),
    (pa.types.is_int32, "INT", "INT"),
    (pa.types.is_int64, "LONG", "BIGINT"),
    (pa.types.is_uint64, "LONG", "BIGINT"),
    (pa.types.is_float32, "FLOAT", "FLOAT"),
    (pa.types.is_float64, "DOUBLE", "DOUBLE"),
    (pa.types.is_string, "STRING", "STRING"),
    (pa.types.is_large_string, "STRING", "STRING"),
    (pa.types.is_binary, "BINARY", "BINARY"),
    (pa.types.is_large_binary, "BINARY", "BINARY"),
    (pa.types.is_date, "DATE", "DATE"),
    (pa.types.is_null, "NULL", "VOID"),
    (pa.types.is_duration, "INTERVAL", "INTERVAL DAY TO SECOND"),
    (pa.types.is_interval, "INTERVAL", "INTERVAL"),
]


def type_names(kind: pa.DataType) -> tuple[str, str]:
    """`type_name` and `type_text` of the API."""
    for test, name, text in _NAMES:
        if test(kind):
            return name, text
    if pa.types.is_timestamp(kind):
        return ("TIMESTAMP", "TIMESTAMP") if kind.tz else ("TIMESTAMP_NTZ", "TIMESTAMP_NTZ")
    if pa.types.is_decimal(kind):
        return "DECIMAL", f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "ARRAY", f"ARRAY<{type_names(kind.value_type)[1]}>"
    if pa.types.is_map(kind):
        return "MAP", f"MAP<{type_names(kind.key_type)[1]}, {type_names(kind.item_type)[1]}>"
    if pa.types.is_struct(kind):
        return "STRUCT", "STRUCT<" + ", ".join(
            f"{each.name}: {type_names(each.type)[1]}" for each in kind
        ) + ">"
    return "USER_DEFINED_TYPE", str(kind).upper()


def columns_of(schema: pa.Schema) -> list[dict[str, Any]]:
    columns = []
    for position, field in enumerate(schema):
        name, text = type_names(field.type)
        column: dict[str, Any] = {
            "name": field.name,
            "type_text": text,
            "type_name": name,
            "position": position,
        }
        if name == "DECIMAL":
            column.update(type_precision=field.type.precision, type_scale=field.type.scale)
        columns.append(column)
    return columns


def rows_of(table: pa.Table) -> list[list[str | None]]:
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            columns.append(column.to_pylist())
        else:
            columns.append([_text(value, field.type) for value in column.to_pylist()])
    return [list(row) for row in zip(*columns, strict=True)] if columns else []


def _text(value: Any, kind: pa.DataType) -> str | None:
    if value is None:
        return None
    if pa.types.is_nested(kind):
        return json.dumps(_plain(value, kind), ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, datetime.datetime):
        return _timestamp(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    return str(value)


def _plain(value: Any, kind: pa.DataType) -> Any:
    """A nested value for JSON: numbers, booleans and texts as they are, everything else as its text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if pa.types.is_map(kind):
        return {str(_plain(key, kind.key_type)): _plain(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind):
        return {field.name: _plain(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_plain(each, kind.value_type) for each in value]
    if isinstance(value, float) and math.isfinite(value):
        return value
    return _text(value, kind)


def _double(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}E{int(exponent)}"


def _timestamp(value: datetime.datetime) -> str:
    """ISO 8601 in UTC with milliseconds, or microseconds where there are any."""
    zoned = value.tzinfo is not None
    utc = value.astimezone(datetime.timezone.utc).replace(tzinfo=None) if zoned else value
    return utc.isoformat(timespec="milliseconds" if utc.microsecond % 1000 == 0 else "microseconds") + (
        "Z" if zoned else ""
    )
