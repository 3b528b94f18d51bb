"""Spark sessions on the local workspace: Sail over Spark Connect, with the warehouse folder as the catalogue.

Sail keeps its catalog per session and in memory; the tables stay on disk as Delta tables under
`<warehouse>/<catalog>/<schema>/<table>`. A session made here registers what lies in that folder, sees what others
create or drop, and answers the Databricks statements that Sail lacks. Used by the SQL service and by notebooks.
"""

from .errors import SqlError
from .session import LocalSparkSession, connect

__all__ = ["LocalSparkSession", "SqlError", "connect"]
