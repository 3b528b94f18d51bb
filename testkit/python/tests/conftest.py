"""What the tests share. They talk to a real MLflow: the one of MLFLOW_TRACKING_URI, else one in a temporary SQLite file."""

import os
import uuid
from pathlib import Path

import pytest
from mlflow import MlflowClient

pytest_plugins = ["pytester"]

SOURCES = Path(__file__).resolve().parent.parent / "src"


@pytest.fixture(autouse=True)
def no_run_of_the_surroundings(monkeypatch):
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    return MlflowClient(tracking_uri=uri)


@pytest.fixture(scope="session")
def experiment(client, tmp_path_factory):
    # A store without a server keeps artifacts in the working directory, unless it is told where.
    local = not os.environ.get("MLFLOW_TRACKING_URI")
    place = {"artifact_location": tmp_path_factory.mktemp("artifacts").as_uri()} if local else {}
    return client.create_experiment(f"/Shared/testkit-{uuid.uuid4().hex}", **place)


@pytest.fixture
def run_id(client, experiment):
    return client.create_run(experiment).info.run_id
