"""`mark`: what this notebook writes tells which release and which deployment wrote it.

Stands by itself: a repository may also keep a copy of this file among its own.

What is known of Databricks, from its documentation (nothing here was seen on a live workspace):

- Each Delta commit of a session carries the text of `spark.databricks.delta.commitInfo.userMetadata`, or of a writer's
  option `userMetadata`, which wins; `DESCRIBE HISTORY` shows it ("Enrich tables with custom metadata").
- A notebook that another one runs (`dbutils.notebook.run`) has a Spark session of its own ("Notebook isolation"): what
  the trigger set would not reach it. A notebook taken in by `%run` shares the session.
- Sessions can be made common (`spark.databricks.session.share`); then a mark is everybody's on that cluster. Do not.
- Serverless lets a notebook set few Spark properties, and this one is not among them ("Configure Spark properties for
  serverless notebooks and jobs"): there only the writer's option is left.
- MLflow puts the tags in the environment variable `MLFLOW_RUN_CONTEXT` on each run that `mlflow.start_run` opens.
"""

from __future__ import annotations

import json
import os
from typing import Any

CONFIGURATION = "spark.databricks.delta.commitInfo.userMetadata"
#: What the trigger and a pinned job tell a notebook of its release.
NAMES = ("app", "env", "githash", "deployment_id")


def mark(spark: Any, dbutils: Any) -> dict[str, str]:
    """Marks every Delta commit of this session and every MLflow run opened from now on; call it in the first cell.

    Returns the same for a writer, which is needed where Spark does not take the property (serverless):
    `frame.write.options(**mark(spark, dbutils)).saveAsTable(…)`. Empty, and nothing is marked, where the notebook's
    parameters name no `githash`: then a person runs it, and no release.
    """
    given = dbutils.widgets.getAll()
    origin = {name: given[name] for name in NAMES if given.get(name)}
    if "githash" not in origin:
        return {}
    text = json.dumps(origin)
    _mark_mlflow(origin)
    try:
        spark.conf.set(CONFIGURATION, text)
    except Exception as error:  # noqa: BLE001 - each kind of session has its own error for it
        reason = str(error).partition("\n")[0]
        print(
            f"lineage: this compute does not take {CONFIGURATION} ({reason}): give each writer .options(**…)"
        )
    return {"userMetadata": text}


def _mark_mlflow(origin: dict[str, str]) -> None:
    try:
        tags = json.loads(os.environ.get("MLFLOW_RUN_CONTEXT") or "{}")
    except ValueError:
        tags = {}
    os.environ["MLFLOW_RUN_CONTEXT"] = json.dumps({**tags, **origin})
