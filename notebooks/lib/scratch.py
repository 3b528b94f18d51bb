"""Schemas for tests, so that a test never touches the environment's tables."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from lib import tables


@contextmanager
def scratch_schema(spark, schema: str, test: str) -> Iterator[str]:
    """An empty schema beside `schema` that no other test has; dropped at the end, also after a failure."""
    name = f"{schema}_{test}_{uuid.uuid4().hex[:8]}"
    tables.create_schema(spark, name)
    try:
        yield name
    finally:
        tables.drop_schema(spark, name)
