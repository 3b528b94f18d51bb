"""What the Delta log says of a table, for the statements that Sail lacks: columns, history, detail, properties."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from .names import TableName, quote

_PRIMITIVES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint"}
_TEXTS = pa.map_(pa.string(), pa.string())
_JOB = pa.struct([("jobId", pa.string()), ("jobName", pa.string())])
_NOTEBOOK = pa.struct([("notebookId", pa.string())])


def open_table(name: TableName, warehouse: str) -> DeltaTable:
    return DeltaTable(name.folder(warehouse))


def type_text(data_type: Any) -> str:
    """A Delta schema's type as SQL writes it, e.g. `array<struct<a:int>>`."""
    if isinstance(data_type, str):
        return _PRIMITIVES.get(data_type, data_type)
    kind = data_type["type"]
    if kind == "array":
        return f"array<{type_text(data_type['elementType'])}>"
    if kind == "map":
        return f"map<{type_text(data_type['keyType'])},{type_text(data_type['valueType'])}>"
    return (
        "struct<"
        + ",".join(f"{field['name']}:{type_text(field['type'])}" for field in data_type["fields"])
        + ">"
    )


def fields(table: DeltaTable) -> list[dict[str, Any]]:
    """The columns: dictionaries with `name`, `type`, `nullable`, `metadata`."""
    found: list[dict[str, Any]] = json.loads(table.schema().to_json())["fields"]
    return found


def describe(table: DeltaTable, name: TableName, extended: bool) -> pa.Table:
    columns = [
        (each["name"], type_text(each["type"]), each["metadata"].get("comment")) for each in fields(table)
    ]
    metadata = table.metadata()
    if metadata.partition_columns:
        kinds = {column: (kind, comment) for column, kind, comment in columns}
        columns += [("# Partition Information", "", ""), ("# col_name", "data_type", "comment")]
        columns += [(column, *kinds[column]) for column in metadata.partition_columns]
    if extended:
        properties = ",".join(f"{key}={value}" for key, value in sorted(metadata.configuration.items()))
        columns += [
            ("", "", ""),
            ("# Detailed Table Information", "", ""),
            ("Catalog", name.catalog, ""),
            ("Database", name.schema, ""),
            ("Table", name.table, ""),
            ("Created Time", str(_time(metadata.created_time)), ""),
            ("Type", "MANAGED", ""),
            ("Comment", metadata.description or "", ""),
            ("Location", table.table_uri, ""),
            ("Provider", "delta", ""),
            ("Table Properties", f"[{properties}]", ""),
        ]
    return table_of(
        [("col_name", pa.string()), ("data_type", pa.string()), ("comment", pa.string())], columns
    )


def history(table: DeltaTable, limit: int | None) -> pa.Table:
    """`DESCRIBE HISTORY`: the newest commit first, with Databricks' columns."""
    schema: list[tuple[str, pa.DataType]] = [
        ("version", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("userId", pa.string()),
        ("userName", pa.string()),
        ("operation", pa.string()),
        ("operationParameters", _TEXTS),
        ("job", _JOB),
        ("notebook", _NOTEBOOK),
        ("clusterId", pa.string()),
        ("readVersion", pa.int64()),
        ("isolationLevel", pa.string()),
        ("isBlindAppend", pa.bool_()),
        ("operationMetrics", _TEXTS),
        ("userMetadata", pa.string()),
        ("engineInfo", pa.string()),
    ]
    isolation = table.metadata().configuration.get("delta.isolationLevel", "WriteSerializable")
    rows = []
    for commit in table.history(limit):
        row = {key: commit.get(key) for key, _ in schema}
        row["timestamp"] = _time(commit.get("timestamp"))
        row["isolationLevel"] = row["isolationLevel"] or isolation
        row["operationParameters"] = _texts(commit.get("operationParameters"))
        row["operationMetrics"] = _texts(commit.get("operationMetrics"))
        rows.append(tuple(row.values()))
    return table_of(schema, rows)


def detail(table: DeltaTable, name: TableName) -> pa.Table:
    """`DESCRIBE DETAIL`: one row."""
    metadata, protocol = table.metadata(), table.protocol()
    files = table.get_add_actions(flatten=True)
    newest = table.history(1)
    texts = pa.list_(pa.string())
    features = [*(protocol.reader_features or []), *(protocol.writer_features or [])]
    return table_of(
        [
            ("format", pa.string()),
            ("id", pa.string()),
            ("name", pa.string()),
            ("description", pa.string()),
            ("location", pa.string()),
            ("createdAt", pa.timestamp("us", tz="UTC")),
            ("lastModified", pa.timestamp("us", tz="UTC")),
            ("partitionColumns", texts),
            ("clusteringColumns", texts),
            ("numFiles", pa.int64()),
            ("sizeInBytes", pa.int64()),
            ("properties", _TEXTS),
            ("minReaderVersion", pa.int32()),
            ("minWriterVersion", pa.int32()),
            ("tableFeatures", texts),
        ],
        [
            (
                *("delta", str(metadata.id), str(name), metadata.description, table.table_uri),
                *(_time(metadata.created_time), _time(newest[0].get("timestamp") if newest else None)),
                *(list(metadata.partition_columns), []),
                *(files.num_rows, sum(value.as_py() or 0 for value in pa.table(files).column("size_bytes"))),
                *(
                    list(metadata.configuration.items()),
                    protocol.min_reader_version,
                    protocol.min_writer_version,
                ),
                sorted(set(features)),
            )
        ],
    )


def properties(table: DeltaTable, key: str | None) -> pa.Table:
    protocol = table.protocol()
    found = dict(table.metadata().configuration)
    found["delta.minReaderVersion"] = str(protocol.min_reader_version)
    found["delta.minWriterVersion"] = str(protocol.min_writer_version)
    rows = [(each, value) for each, value in sorted(found.items()) if key is None or each == key]
    if key is not None and not rows:
        rows = [(key, f"Table does not have property: {key}")]
    return table_of([("key", pa.string()), ("value", pa.string())], rows)


def create_statement(table: DeltaTable, name: TableName) -> str:
    """`SHOW CREATE TABLE`."""
    from .binding import string_literal

    lines = []
    for each in fields(table):
        line = f"  {each['name']} {type_text(each['type']).upper()}" + (
            "" if each["nullable"] else " NOT NULL"
        )
        comment = each["metadata"].get("comment")
        lines.append(line + (f" COMMENT {string_literal(comment)}" if comment else ""))
    metadata = table.metadata()
    text = f"CREATE TABLE {name} (\n" + ",\n".join(lines) + ")\nUSING delta"
    if metadata.partition_columns:
        text += "\nPARTITIONED BY (" + ", ".join(quote(each) for each in metadata.partition_columns) + ")"
    if metadata.description:
        text += f"\nCOMMENT {string_literal(metadata.description)}"
    pairs = [
        f"  {string_literal(key)} = {string_literal(value)}"
        for key, value in sorted(metadata.configuration.items())
    ]
    return text + ("\nTBLPROPERTIES (\n" + ",\n".join(pairs) + ")" if pairs else "") + "\n"


def table_of(schema: list[tuple[str, pa.DataType]], rows: list[tuple[Any, ...]]) -> pa.Table:
    """An Arrow table from rows."""
    arrays = [pa.array([row[index] for row in rows], kind) for index, (_, kind) in enumerate(schema)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(schema))


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def _texts(values: dict[str, Any] | None) -> list[tuple[str, str]] | None:
    if values is None:
        return None
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in values.items()]
