"""What a statement gave: a query that is still to be fetched, or rows that are there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql.connect.dataframe import DataFrame

if TYPE_CHECKING:
    from .session import LocalSparkSession


@dataclass(frozen=True)
class Outcome:
    """Exactly one of the two is set."""

    frame: DataFrame | None = None
    table: pa.Table | None = None

    def dataframe(self, session: LocalSparkSession) -> DataFrame:
        """The result as notebooks use it."""
        if self.frame is not None:
            return self.frame
        assert self.table is not None
        if self.table.num_columns == 0:
            return session.range(0).select()
        return session.createDataFrame(self.table)


def nothing() -> Outcome:
    """The empty result of a command."""
    return Outcome(table=pa.table({}))


def counts(**values: int) -> Outcome:
    """One row of numbers, as DML gives it."""
    return Outcome(table=pa.table({name: pa.array([value], pa.int64()) for name, value in values.items()}))
