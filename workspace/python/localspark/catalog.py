"""The warehouse folder as the catalogue: registers in a session what lies on disk, and forgets what is gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .names import SchemaName, TableName

if TYPE_CHECKING:
    from .session import LocalSparkSession

DEFAULT_CATALOG = "main"
DEFAULT_SCHEMA = "default"
DELTA_LOG = "_delta_log"


class FolderCatalog:
    """What one session knows of the folder. `sync` is cheap (it lists folders) where nothing has changed."""

    def __init__(self, session: LocalSparkSession, warehouse: str) -> None:
        self.session = session
        self.warehouse = warehouse
        self._schemas: set[SchemaName] = set()
        self._tables: set[TableName] = set()
        self._written: set[TableName] = set()
        self._lock = threading.RLock()

    @property
    def schemas(self) -> set[tuple[str, str]]:
        """The known schemas, as pairs with their catalog."""
        return {(each.catalog, each.schema) for each in self._schemas}

    def sync(self) -> None:
        """Registers new schemas and tables, drops vanished ones from the session's catalog."""
        with self._lock:
            schemas, tables = self.scan()
            written, self._written = self._written, set()
            for gone in (self._tables | written) - tables:
                self.session.raw_sql(f"DROP TABLE IF EXISTS {gone.sql}")
                self._tables.discard(gone)
            for gone_schema in self._schemas - schemas:
                self.session.raw_sql(f"DROP SCHEMA IF EXISTS {gone_schema.sql} CASCADE")
                self._schemas.discard(gone_schema)
            for schema in sorted(schemas - self._schemas, key=str):
                folder = schema.folder(self.warehouse)
                self.session.raw_sql(f"CREATE SCHEMA IF NOT EXISTS {schema.sql} LOCATION '{folder}'")
                self._schemas.add(schema)
            for table in sorted(tables - (self._tables - written), key=str):
                self._register_unless_gone(table)

    def register(self, table: TableName) -> None:
        """Registers a table without columns, so that Sail reads them from the log each time, whoever changed them."""
        with self._lock:
            self.session.raw_sql(f"DROP TABLE IF EXISTS {table.sql}")
            folder = table.folder(self.warehouse)
            self.session.raw_sql(f"CREATE TABLE IF NOT EXISTS {table.sql} USING DELTA LOCATION '{folder}'")
            self._tables.add(table)

    def _register_unless_gone(self, table: TableName) -> None:
        """Another session may drop a table between the look at the folder and now; then it is none of ours."""
        try:
            self.register(table)
        except Exception:
            if self.exists(table):
                raise

    def note_write(self, table: TableName) -> None:
        """Says that Sail registers this table by itself, as a data frame is saved: `sync` looks at it again."""
        with self._lock:
            self._written.add(table)

    def forget(self, table: TableName) -> None:
        """Drops a table from this session's catalog; its files are the caller's matter."""
        with self._lock:
            self.session.raw_sql(f"DROP TABLE IF EXISTS {table.sql}")
            self._tables.discard(table)

    def scan(self) -> tuple[set[SchemaName], set[TableName]]:
        """The schemas and tables on disk. Every catalog has a schema `default`."""
        schemas: set[SchemaName] = set()
        tables: set[TableName] = set()
        for catalog in self.catalogs():
            default = SchemaName(catalog, DEFAULT_SCHEMA)
            os.makedirs(default.folder(self.warehouse), exist_ok=True)
            for schema in _folders(os.path.join(self.warehouse, catalog)):
                schemas.add(SchemaName(catalog, schema))
                path = os.path.join(self.warehouse, catalog, schema)
                for table in _folders(path):
                    if self.is_table(os.path.join(path, table)):
                        tables.add(TableName(catalog, schema, table))
        return schemas, tables

    def catalogs(self) -> list[str]:
        """Names of the catalogs that Sail was started with: the folders of the warehouse at that time."""
        return self.session.known_catalogs

    def exists(self, table: TableName) -> bool:
        return self.is_table(table.folder(self.warehouse))

    @staticmethod
    def is_table(folder: str) -> bool:
        """True where the folder holds a Delta table: its log has a first commit (or a checkpoint after a clean-up)."""
        try:
            with os.scandir(os.path.join(folder, DELTA_LOG)) as entries:
                return any(entry.name.endswith((".json", ".parquet")) for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return False

    @contextlib.contextmanager
    def exclusively(self, name: SchemaName | TableName) -> Iterator[None]:
        """Holds a lock against every other session and process on this machine.

        A schema's is for its set of tables: Sail lets two sessions create one table at once, the second over the
        first. A table's is for deletions. The lock is the kernel's: it is released when its holder dies.
        """
        folder = os.path.join(self.warehouse, ".locks")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{name}.lock"), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [
                entry.name for entry in entries if not entry.name.startswith((".", "_")) and entry.is_dir()
            ]
    except FileNotFoundError:
        return []
