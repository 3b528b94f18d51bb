"""Reading and writing the pipeline's Delta tables, with the Spark session that the notebook passes in."""

import re

import pandas as pd

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def quoted(name: str) -> str:
    """A dotted name (`schema`, `catalog.schema.table`, …) with each part in backticks.

    ValueError if a part is anything but letters, digits, `_` and `-`: names come from parameters, and SQL
    has no bound names everywhere.
    """
    parts = name.split(".")
    for part in parts:
        if not _NAME.fullmatch(part):
            raise ValueError(f"{name!r} is not a name: each part may have letters, digits, _ and - only")
    return ".".join(f"`{part}`" for part in parts)


def create_schema(spark, schema: str) -> None:
    """Creates the schema unless it exists."""
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")


def drop_schema(spark, schema: str) -> None:
    """Drops the schema and everything in it; nothing happens where there is none."""
    spark.sql(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")


def write(spark, frame: pd.DataFrame, name: str) -> int:
    """Replaces the Delta table `name` by the frame's rows and returns how many there are."""
    rows = spark.createDataFrame(frame)
    rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true").saveAsTable(quoted(name))
    return len(frame)


def read(spark, name: str) -> pd.DataFrame:
    """All rows of the table `name`."""
    return spark.table(quoted(name)).toPandas()


def exists(spark, name: str) -> bool:
    """Whether the table `name` is there."""
    return spark.catalog.tableExists(name)
