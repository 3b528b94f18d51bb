"""What `mark` leaves behind, and what it does where Spark refuses; the whole of it is in tests/notebooks/trigger.test.ts."""

import json
import os
from types import SimpleNamespace

import pytest
from notebook_releases_testkit.lineage import CONFIGURATION, mark

PARAMETERS = {"app": "churn", "env": "prod", "githash": "a" * 40, "deployment_id": "run-1"}


@pytest.fixture(autouse=True)
def no_context(monkeypatch):
    # Set first, so that it is put back whatever a test does to it.
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", "")


def notebook(parameters, refusal=None):
    """(spark, dbutils, properties) of a notebook with these parameters."""
    properties = {}

    def put(name, value):
        if refusal:
            raise refusal
        properties[name] = value

    spark = SimpleNamespace(conf=SimpleNamespace(set=put))
    return spark, SimpleNamespace(widgets=SimpleNamespace(getAll=lambda: parameters)), properties


def test_marks_the_session_and_the_runs_and_leaves_out_other_parameters():
    spark, dbutils, properties = notebook({**PARAMETERS, "day": "1", "release_path": "/Shared/x"})
    options = mark(spark, dbutils)
    assert json.loads(options["userMetadata"]) == PARAMETERS
    assert properties == {CONFIGURATION: options["userMetadata"]}
    assert json.loads(os.environ["MLFLOW_RUN_CONTEXT"]) == PARAMETERS


def test_answers_the_writers_option_where_spark_refuses_and_says_so(capsys):
    refusal = RuntimeError("[CONFIG_NOT_AVAILABLE] not available.\nJVM stack")
    spark, dbutils, _ = notebook(PARAMETERS, refusal)
    assert json.loads(mark(spark, dbutils)["userMetadata"]) == PARAMETERS
    said = capsys.readouterr().out
    assert "CONFIG_NOT_AVAILABLE" in said
    assert "JVM stack" not in said


def test_marks_nothing_where_no_release_runs():
    spark, dbutils, properties = notebook({"env": "prod", "githash": ""})
    assert mark(spark, dbutils) == {}
    assert properties == {}
    assert os.environ["MLFLOW_RUN_CONTEXT"] == ""


@pytest.mark.parametrize("context", ['{"team": "growth", "env": "?"}', "no JSON"])
def test_keeps_other_tags_of_the_runs(monkeypatch, context):
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", context)
    spark, dbutils, _ = notebook(PARAMETERS)
    mark(spark, dbutils)
    kept = {"team": "growth"} if context.startswith("{") else {}
    assert json.loads(os.environ["MLFLOW_RUN_CONTEXT"]) == {**kept, **PARAMETERS}
