"""A Spark Connect session that keeps its catalog in step with the warehouse folder, and knows more of Databricks' SQL."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import quote as url_quote

# PySpark 4.2 warns about pandas 3 at each import; nothing here depends on what it warns about.
warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")

from pyspark.sql.connect.dataframe import DataFrame  # noqa: E402
from pyspark.sql.connect.session import SparkSession  # noqa: E402

from . import statements  # noqa: E402
from .catalog import FolderCatalog  # noqa: E402


class LocalSparkSession(SparkSession):
    """Like any Spark Connect session; `sql` also takes what Sail lacks, and tables of others appear by themselves."""

    def __init__(self, remote: str, warehouse: str) -> None:
        super().__init__(connection=remote)
        self.known_catalogs: list[str] = []
        self.folder = FolderCatalog(self, warehouse)
        self._quiet = threading.local()
        self.known_catalogs = sorted(
            row[0]
            for row in super().sql("SHOW CATALOGS").collect()
            if os.path.isdir(os.path.join(warehouse, row[0]))
        )
        self.folder.sync()
        self._watch_client()
        self.conf.set("spark.sql.session.timeZone", "UTC")

    def sql(self, sqlQuery: str, args: Any = None, **kwargs: Any) -> DataFrame:
        """As `SparkSession.sql`; DML gives Databricks' result columns, e.g. `num_affected_rows`."""
        if kwargs:
            # Data frames in the text: Sail's own matter.
            return super().sql(sqlQuery, args, **kwargs)
        return statements.run(self, sqlQuery, args).dataframe(self)

    def sail_sql(self, text: str, args: Any = None) -> DataFrame:
        """Runs a statement as it is; the folder is looked at first."""
        return super().sql(text, args)

    def raw_sql(self, text: str) -> DataFrame:
        """Runs a statement as it is, without looking at the folder first."""
        before = getattr(self._quiet, "on", False)
        self._quiet.on = True
        try:
            return super().sql(text)
        finally:
            self._quiet.on = before

    def _watch_client(self) -> None:
        """Before anything is analysed or run, by whichever API, the folder is compared with the session's catalog."""
        client = self._client

        def watched(call: Callable[..., Any]) -> Callable[..., Any]:
            def first_sync(*args: Any, **kwargs: Any) -> Any:
                if not getattr(self._quiet, "on", False):
                    self._quiet.on = True
                    try:
                        self.folder.sync()
                        statements.before_write(self, args)
                    finally:
                        self._quiet.on = False
                return call(*args, **kwargs)

            return first_sync

        for method in ("_analyze", "_execute", "_execute_and_fetch_as_iterator"):
            setattr(client, method, watched(getattr(client, method)))


def connect(remote: str, warehouse: str, app_name: str, user: str | None = None) -> LocalSparkSession:
    """A new session on the Spark Connect server `remote` (`sc://host:port`) over the warehouse folder.

    It becomes PySpark's active session, which `SparkSession.builder.getOrCreate()` returns.
    `user` is what `current_user()` gives. Raises PySpark's connection error where the server does not answer.
    """
    options = f"/;user_agent={url_quote(app_name)}"
    if user is not None:
        options += f";user_id={url_quote(user)}"
    session = LocalSparkSession(remote.rstrip("/") + options, warehouse)
    SparkSession._set_default_and_active_session(session)
    # Without it, the builder refuses before it looks for the active session.
    os.environ["SPARK_REMOTE"] = remote
    return session
