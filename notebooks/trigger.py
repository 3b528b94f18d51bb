# Databricks notebook source
# MAGIC %md
# MAGIC # Trigger
# MAGIC Asks the registry which release of `app` is live in `env`, and runs that release's `notebook`.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `registry_table` | the registry, e.g. `main.deployments.registry` |
# MAGIC | `app`, `env` | the registry's key |
# MAGIC | `notebook` | path inside the release, e.g. `pipeline/score` |
# MAGIC | `timeout_seconds` | how long the notebook may take; `0`: no limit |
# MAGIC
# MAGIC All parameters but `registry_table`, `notebook` and `timeout_seconds` are handed to the notebook,
# MAGIC with `githash` and `release_path` of the release, `deployment_id` of the deployment that made it live, and
# MAGIC `artifacts` where it has some (their paths, separated by commas). Its exit value is this notebook's; if it fails,
# MAGIC this one fails.
# MAGIC
# MAGIC The notebook has a Spark session and a Python process of its own, so this one cannot mark for it what it writes. With
# MAGIC `lineage.mark(spark, dbutils)` in its first cell it does so itself: then a table's history tells the code that wrote it.
# MAGIC
# MAGIC Needs Databricks Runtime 13.3 or newer, or serverless; `SELECT` on the registry; `CAN_READ` on the releases.
# MAGIC
# MAGIC A job that runs this notebook is the same for all releases, so it has none of their artifacts as libraries. A
# MAGIC notebook that needs a wheel of pure Python puts it on its own path:
# MAGIC `sys.path += [path for path in dbutils.widgets.get("artifacts").split(",") if path.endswith(".whl")]`
# MAGIC
# MAGIC Installed by notebook-releases at each deployment: changes made here are lost.

# COMMAND ----------

dbutils.widgets.text("registry_table", "")
dbutils.widgets.text("app", "")
dbutils.widgets.text("env", "")
dbutils.widgets.text("notebook", "")
dbutils.widgets.text("timeout_seconds", "0")

# COMMAND ----------

import json

OWN = ("registry_table", "notebook", "timeout_seconds")


def check(parameters):
    """The timeout in seconds; ValueError that names every parameter that is missing or wrong."""
    required = ("registry_table", "app", "env", "notebook")
    problems = [f"{name} is empty" for name in required if not parameters[name]]
    notebook = parameters["notebook"]
    if notebook.startswith("/") or ".." in notebook.split("/"):
        problems.append(f"notebook is {notebook!r}: give its path inside the release, e.g. pipeline/score")
    timeout = parameters["timeout_seconds"]
    if not timeout.isdecimal():
        problems.append(f"timeout_seconds is {timeout!r}: give a number of seconds, 0 for no limit")
    if problems:
        raise ValueError("cannot dispatch: " + "; ".join(problems))
    return int(timeout)


def live_release(table, app, env):
    """The row of the one live release; LookupError where there is none, or more than one."""
    rows = spark.sql(
        "SELECT githash, release_path, deployment_id FROM IDENTIFIER(:registry) WHERE app = :app AND env = :env",
        args={"registry": table, "app": app, "env": env},
    ).collect()
    if len(rows) != 1:
        raise LookupError(
            f"{table} has {len(rows)} rows for app {app!r} in env {env!r}, expected exactly one. "
            + ("Is anything deployed there?" if not rows else "Remove the rows that do not belong.")
        )
    return rows[0]


def artifacts_of(release_path):
    """The paths of what was built with the release, separated by commas; empty where nothing was."""
    manifest = f"/Workspace{release_path.removeprefix('/Workspace')}/.release.json"
    try:
        with open(manifest, encoding="utf-8") as file:
            return ",".join(artifact["path"] for artifact in json.load(file).get("artifacts", []))
    except OSError as error:
        print(f"whether the release has artifacts is not known: {error}")
        return ""


# COMMAND ----------

parameters = dict(dbutils.widgets.getAll())
timeout_seconds = check(parameters)
live = live_release(parameters["registry_table"], parameters["app"], parameters["env"])
githash, release_path = live["githash"], live["release_path"]
target = f"{release_path}/{parameters['notebook']}"
release = f"{parameters['app']} {githash[:12]} in {parameters['env']}"
print(f"running {release}: {target}")

# COMMAND ----------

arguments = {name: value for name, value in parameters.items() if name not in OWN}
arguments.update(githash=githash, release_path=release_path, deployment_id=live["deployment_id"] or "")
artifacts = artifacts_of(release_path)
if artifacts:
    arguments["artifacts"] = artifacts
try:
    result = dbutils.notebook.run(target, timeout_seconds, arguments)
except Exception as error:
    raise RuntimeError(f"{release}: {target} failed: {error}") from error

# COMMAND ----------

print(f"{release}: {result}")
dbutils.notebook.exit(result)
