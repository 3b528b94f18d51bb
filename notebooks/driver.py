# Databricks notebook source
# MAGIC %md
# MAGIC # Test driver
# MAGIC Runs test notebooks of a release one after the other (or `parallel` at a time) and writes each one's result and
# MAGIC duration to an MLflow run, under the names that a deployment's gate uses. It fails where a test fails or where a
# MAGIC metric breaks its limit.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `tests` | the notebooks, separated by commas: `tests/test_train, tests/regression/test_forecast_quality` |
# MAGIC | `release_path` | the folder they are in; empty: this notebook's folder |
# MAGIC | `timeout_seconds` | how long one test may take; 120 by default |
# MAGIC | `parallel` | how many run at once; 1 by default |
# MAGIC | `run_id` | the MLflow run to log to, which stays open; empty: a new one |
# MAGIC | `experiment_id` | where a new run is made; empty: this notebook's own experiment |
# MAGIC | `registry_table` | where given, the tests are those of the release that is **live** for `app` in `env` (the watch) |
# MAGIC | `metrics` | limits, as JSON: `[{"name": "rmse", "max": 3.0, "maxRegressionPercent": 5}]` |
# MAGIC
# MAGIC All other parameters are handed to the tests, with `env`, `githash`, `experiment_id`, `run_id`, `release_path` and `artifacts`.

# COMMAND ----------

DEFAULTS = {
    "tests": "",
    "release_path": "",
    "timeout_seconds": "120",
    "parallel": "1",
    "run_id": "",
    "experiment_id": "",
    "registry_table": "",
    "app": "",
    "env": "",
    "githash": "",
    "artifacts": "",
    "metrics": "[]",
}
for name, default in DEFAULTS.items():
    dbutils.widgets.text(name, default)

# COMMAND ----------

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

# Databricks cuts nothing: a longer value of a parameter is refused.
VALUE_BYTES = 500
PARAMS_AT_ONCE = 100
# What the tests are not told: it is this notebook's own business.
OWN = ("tests", "timeout_seconds", "parallel", "registry_table", "metrics")


def whole_number(parameters, name, problems):
    if not parameters[name].isdecimal() or int(parameters[name]) < 1:
        problems.append(f"{name} is {parameters[name]!r}: give a whole number from 1")
        return 1
    return int(parameters[name])


def test_name(notebook):
    """The test's name in MLflow: `tests/test_train` is `tests_test_train`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", notebook)


def check(parameters):
    """What to run, as a dict; ValueError that names everything that is missing or wrong."""
    problems = []
    tests = [test.strip() for test in parameters["tests"].split(",") if test.strip()]
    if not tests:
        problems.append("tests is empty: name at least one notebook")
    names = [test_name(test) for test in tests]
    twins = sorted({test for test, name in zip(tests, names, strict=True) if names.count(name) > 1})
    if twins:
        problems.append(f"{', '.join(twins)} would have one name in MLflow; rename or run them apart")
    outside = [test for test in tests if test.startswith("/") or ".." in test.split("/")]
    if outside:
        problems.append(f"{', '.join(outside)}: give paths inside the release")
    timeout = whole_number(parameters, "timeout_seconds", problems)
    parallel = whole_number(parameters, "parallel", problems)
    limits = read_limits(parameters["metrics"], problems)
    if parameters["registry_table"] and not (parameters["app"] and parameters["env"]):
        problems.append("registry_table asks for the live release: app and env must say of what")
    if problems:
        raise ValueError("cannot run the tests: " + "; ".join(problems))
    return {"tests": tests, "timeout": timeout, "parallel": parallel, "limits": limits}


def read_limits(text, problems):
    known = {"name", "min", "max", "maxRegressionPercent", "better"}
    try:
        limits = json.loads(text or "[]")
    except ValueError as error:
        problems.append(f"metrics is no JSON: {error}")
        return []
    if not isinstance(limits, list) or not all(
        isinstance(limit, dict) and isinstance(limit.get("name"), str) and set(limit) <= known
        for limit in limits
    ):
        problems.append(
            f"metrics must be a list of objects with a name and some of {', '.join(sorted(known))}"
        )
        return []
    return limits


def live_release(table, app, env):
    """(githash, release_path, deployment_id) of the one live release; LookupError where there is none, or more than one."""
    rows = spark.sql(
        "SELECT githash, release_path, deployment_id FROM IDENTIFIER(:registry) WHERE app = :app AND env = :env",
        args={"registry": table, "app": app, "env": env},
    ).collect()
    if len(rows) != 1:
        raise LookupError(
            f"{table} has {len(rows)} rows for app {app!r} in env {env!r}, expected exactly one"
        )
    return rows[0]["githash"], rows[0]["release_path"], rows[0]["deployment_id"]


def artifacts_of(release_path):
    """The paths of what was built with the release, separated by commas; empty where nothing was."""
    manifest = f"/Workspace{release_path.removeprefix('/Workspace')}/.release.json"
    try:
        with open(manifest, encoding="utf-8") as file:
            return ",".join(artifact["path"] for artifact in json.load(file).get("artifacts", []))
    except OSError as error:
        print(f"whether the release has artifacts is not known: {error}")
        return ""


def cut(value):
    """As many whole characters as a parameter's value may have bytes."""
    return value.encode()[:VALUE_BYTES].decode(errors="ignore")


# COMMAND ----------


def run_test(notebook, folder, timeout, arguments):
    """(result, seconds, error): the notebook's exit value, `passed`, or `Failed`."""
    started = time.monotonic()
    try:
        result = dbutils.notebook.run(
            f"{folder}/{notebook}" if folder else f"./{notebook}", timeout, arguments
        )
        return result or "passed", time.monotonic() - started, None
    except Exception as error:  # noqa: BLE001 - whatever a test raises is its result
        return "Failed", time.monotonic() - started, str(error)


def log_results(client, run_id, outcomes):
    """Parameters and metrics of all tests, in as few requests as MLflow's limits allow."""
    params = [Param(name, cut(result)) for name, (result, _, _) in outcomes.items()]
    failed = sum(result == "Failed" for result, _, _ in outcomes.values())
    now = int(time.time() * 1000)
    durations = {f"{name}_dur": seconds for name, (_, seconds, _) in outcomes.items()}
    counts = {"tests_passed": len(outcomes) - failed, "tests_failed": failed}
    metrics = [Metric(name, value, now, 0) for name, value in {**durations, **counts}.items()]
    for start in range(0, len(params), PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])
    client.log_batch(run_id, metrics=metrics)


# COMMAND ----------


def check_limit(limit, new, old):
    """Why the metric breaks its limit, or None. Which way is worse: up where lower is better, else down."""
    name = limit["name"]
    if new is None:
        return f"{name} was not logged by any test"
    if "max" in limit and not new <= limit["max"]:
        return f"{name} is {new:g}, the limit is at most {limit['max']:g}"
    if "min" in limit and not new >= limit["min"]:
        return f"{name} is {new:g}, the limit is at least {limit['min']:g}"
    percent = limit.get("maxRegressionPercent")
    if percent is None or old is None:
        return None
    by_default = "higher" if "min" in limit and "max" not in limit else "lower"
    change = new - old if limit.get("better", by_default) == "lower" else old - new
    # From zero, anything worse is infinitely so.
    worse = change / abs(old) * 100 if old else change * float("inf") if change else 0
    if worse > percent:
        return f"{name} went from {old:g} to {new:g}: {worse:.1f} % worse, the limit is {percent:g} %"
    return None


# COMMAND ----------

parameters = {**DEFAULTS, **dbutils.widgets.getAll()}
settings = check(parameters)
baseline = None
if parameters["registry_table"]:
    live = live_release(parameters["registry_table"], parameters["app"], parameters["env"])
    parameters["githash"], parameters["release_path"], baseline = live
    parameters["artifacts"] = parameters["artifacts"] or artifacts_of(parameters["release_path"])

client = MlflowClient()
own_run = not parameters["run_id"]
if own_run:
    if not parameters["experiment_id"]:
        import mlflow

        with mlflow.start_run() as started:
            parameters["experiment_id"], parameters["run_id"] = (
                started.info.experiment_id,
                started.info.run_id,
            )
        client.update_run(parameters["run_id"], status="RUNNING")
    else:
        parameters["run_id"] = client.create_run(parameters["experiment_id"]).info.run_id
    run_id = parameters["run_id"]
    what = "watch" if baseline else "driver"
    title = " ".join(
        part for part in (what, parameters["app"], parameters["env"], parameters["githash"][:12]) if part
    )
    client.log_batch(
        run_id,
        params=[Param(name, cut(parameters[name])) for name in ("app", "env", "githash") if parameters[name]],
        tags=[RunTag("mlflow.runName", title), RunTag("kind", what), RunTag("status", "running")],
    )
run_id = parameters["run_id"]
arguments = {name: value for name, value in parameters.items() if name not in OWN}
print(
    f"{len(settings['tests'])} tests of {parameters['release_path'] or 'this folder'}, logged to run {run_id}"
)

# COMMAND ----------


def run_all():
    with ThreadPoolExecutor(settings["parallel"]) as pool:
        futures = [
            pool.submit(run_test, test, parameters["release_path"], settings["timeout"], arguments)
            for test in settings["tests"]
        ]
        for test, future in zip(settings["tests"], futures, strict=True):
            result, seconds, error = future.result()
            mark = "✗" if result == "Failed" else "✓"
            print(f"{mark} {test}  {seconds:.1f} s  {result}" + (f"\n    {error}" if error else ""))
            yield test_name(test), (result, seconds, error)


problems = ["the driver itself failed"]
try:
    outcomes = dict(run_all())
    log_results(client, run_id, outcomes)
    problems = [
        f"{name} failed: {error}" for name, (result, _, error) in outcomes.items() if result == "Failed"
    ]
    logged = client.get_run(run_id).data.metrics
    before = client.get_run(baseline).data.metrics if baseline and settings["limits"] else {}
    for limit in settings["limits"]:
        name = limit["name"]
        print(f"metric {name}: {logged.get(name)}, at the deployment {before.get(name)}, limit {limit}")
    breaches = [
        check_limit(limit, logged.get(limit["name"]), before.get(limit["name"]))
        for limit in settings["limits"]
    ]
    problems += [breach for breach in breaches if breach]
finally:
    if own_run:
        message = "; ".join(problems) or f"{len(settings['tests'])} tests passed"
        tags = [RunTag("status", "failed" if problems else "passed"), RunTag("message", message[:500])]
        client.log_batch(run_id, tags=tags)
        client.set_terminated(run_id, "FAILED" if problems else "FINISHED")
if problems:
    raise AssertionError(f"{len(problems)} problems (MLflow run {run_id}):\n" + "\n".join(problems))

# COMMAND ----------

dbutils.notebook.exit(f"{len(outcomes)} tests passed")
