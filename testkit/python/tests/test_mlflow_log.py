"""What arrives in MLflow, read back by its plain client."""

import json
from datetime import datetime, timezone

import pytest
from notebook_releases_testkit import TestTracker
from notebook_releases_testkit.mlflow_log import log_suite
from notebook_releases_testkit.records import TestRun

NOW = datetime(2026, 11, 23, 23, 55, 1, 250_000, tzinfo=timezone.utc)


class Counting:
    """The real client; keeps a list of the calls that are requests, and may do something before a batch."""

    def __init__(self, client, before_batch=lambda: None):
        self._client = client
        self._before_batch = before_batch
        self.calls = []

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            self.calls.append(name)
            if name == "log_batch":
                self._before_batch()
            return method(*args, **kwargs)

        return call


def tracker_of(client, run_id, tests, suite="suite"):
    lines = []
    tracker = TestTracker(suite, run_id=run_id, client=client, say=lines.append)
    for name, outcome in tests:
        tracker.record(name, NOW, 0.25, outcome)
    return tracker, lines


def records_of(client, run_id, tmp_path, artifact):
    with open(client.download_artifacts(run_id, artifact, str(tmp_path)), encoding="utf-8") as file:
        return json.load(file)


def test_results_durations_and_verdict_are_there_under_their_names(client, run_id, tmp_path):
    outcomes = [("a[1-2]", "passed"), ("b", "failed"), ("c", "canceled"), ("d", "pending")]
    tracker, lines = tracker_of(client, run_id, outcomes)
    tracker.log()
    run = client.get_run(run_id)
    assert run.data.params == {
        "suite_a_1_2_": "passed",
        "suite_b": "Failed",
        "suite_c": "canceled",
        "suite_d": "pending",
        "suite_AllTestsPassed": "false",
    }
    assert run.data.metrics == {f"suite_{test}_dur": 0.25 for test in ("a_1_2_", "b", "c", "d")}
    assert client.get_metric_history(run_id, "suite_b_dur")[0].timestamp == int(NOW.timestamp() * 1000)
    assert run.info.status == "RUNNING"
    assert lines == [f"suite: logged to MLflow run {run_id}; everything is in testkit/suite.json"]
    content = records_of(client, run_id, tmp_path, "testkit/suite.json")
    assert [test["name"] for test in content["tests"]] == ["a[1-2]", "b", "c", "d"]
    assert content["tests"][0]["parameter"] == "suite_a_1_2_"
    assert content["all_tests_passed_parameter"] == "suite_AllTestsPassed"


def test_a_search_with_a_plain_question_finds_the_run(client, experiment, run_id):
    tracker, _ = tracker_of(client, run_id, [("close", "failed")], suite="searched")
    tracker.log()
    found = client.search_runs(
        [experiment], "params.searched_close = 'Failed' and metrics.searched_close_dur < 1"
    )
    assert [run.info.run_id for run in found] == [run_id]


def test_a_suite_that_runs_again_gets_numbers_and_an_artifact_of_its_own(client, run_id, tmp_path):
    for outcome in ("failed", "passed", "passed"):
        tracker, _ = tracker_of(client, run_id, [("x", outcome)])
        tracker.log()
    data = client.get_run(run_id).data
    assert data.params == {
        "suite_x": "Failed",
        "suite_x_2": "passed",
        "suite_x_3": "passed",
        "suite_AllTestsPassed": "false",
        "suite_AllTestsPassed_2": "true",
        "suite_AllTestsPassed_3": "true",
    }
    assert set(data.metrics) == {"suite_x_dur", "suite_x_2_dur", "suite_x_3_dur"}
    names = sorted(file.path for file in client.list_artifacts(run_id, "testkit"))
    assert names == ["testkit/suite.json", "testkit/suite_2.json", "testkit/suite_3.json"]
    assert records_of(client, run_id, tmp_path, names[1])["tests"][0]["parameter"] == "suite_x_2"


def test_names_that_become_the_same_stay_apart(client, run_id):
    tracker, _ = tracker_of(
        client, run_id, [("a-b", "passed"), ("a b", "failed"), ("AllTestsPassed", "passed")]
    )
    tracker.log()
    assert client.get_run(run_id).data.params == {
        "suite_a_b": "passed",
        "suite_a_b_2": "Failed",
        "suite_AllTestsPassed": "false",
        "suite_AllTestsPassed_2": "passed",
    }


def test_a_long_result_is_cut_and_the_artifact_has_all_of_it(client, run_id, tmp_path):
    tracker, _ = tracker_of(client, run_id, [])
    tracker.record("x", NOW, 0.25, "passed", result="ü" * 400)
    tracker.log()
    assert client.get_run(run_id).data.params["suite_x"] == "ü" * 250
    assert records_of(client, run_id, tmp_path, "testkit/suite.json")["tests"][0]["result"] == "ü" * 400


def test_names_of_any_length_are_logged(client, run_id):
    tracker, _ = tracker_of(
        client, run_id, [("x" * 300, "passed"), ("x" * 301, "passed"), ("x" * 300, "passed")]
    )
    tracker.log()
    data = client.get_run(run_id).data
    assert len(data.params) == 4 and len(data.metrics) == 3


def test_many_tests_take_few_requests(client, run_id):
    counting = Counting(client)
    tracker, _ = tracker_of(counting, run_id, [(f"t{number}", "passed") for number in range(250)])
    tracker.log()
    assert counting.calls == ["get_run", "log_batch", "log_batch", "log_batch", "log_text"]
    data = client.get_run(run_id).data
    assert len(data.params) == 251 and len(data.metrics) == 250


def test_over_the_limit_what_failed_is_logged_and_the_rest_is_in_the_artifact_and_said(
    client, run_id, tmp_path
):
    client.log_param(run_id, "env", "staging")
    tests = [TestRun(f"t{n}", NOW, 0.25, "failed" if n in (7, 9) else "passed") for n in range(10)]
    logged = log_suite(client, run_id, "suite", tests, all_passed=False, limit=5)
    data = client.get_run(run_id).data
    assert set(data.params) == {"env", "suite_AllTestsPassed", "suite_t7", "suite_t9", "suite_t0"}
    assert len(data.metrics) == 10
    assert logged.left_out == 7
    content = records_of(client, run_id, tmp_path, logged.artifact)
    assert [test["name"] for test in content["tests"] if test["parameter"] is None] == [
        "t1",
        "t2",
        "t3",
        "t4",
        "t5",
        "t6",
        "t8",
    ]


def test_1600_tests_leave_a_hundred_parameters_to_the_deployment(client, run_id):
    counting = Counting(client)
    tracker, lines = tracker_of(counting, run_id, [(f"t{number}", "passed") for number in range(1600)])
    tracker.log()
    data = client.get_run(run_id).data
    assert len(data.params) == 1500 and len(data.metrics) == 1600
    assert counting.calls.count("log_batch") == 15
    assert lines[-1] == (
        "suite: the run's parameters are full (1,600, some kept for the deployment): "
        "101 results are in testkit/suite.json only"
    )


def test_two_suites_of_the_same_name_at_the_same_time_both_arrive(client, run_id):
    """Between reading the names and the first batch, another process logs the same names."""
    other = [lambda: tracker_of(client, run_id, [("x", "failed"), ("same", "passed")])[0].log()]
    counting = Counting(client, before_batch=lambda: other.pop()() if other else None)
    tracker, _ = tracker_of(counting, run_id, [("x", "passed"), ("same", "passed")])
    tracker.log()
    params = client.get_run(run_id).data.params
    assert params["suite_x"] == "Failed" and params["suite_x_2"] == "passed"
    assert params["suite_AllTestsPassed"] == "false" and params["suite_AllTestsPassed_2"] == "true"
    names = sorted(file.path for file in client.list_artifacts(run_id, "testkit"))
    assert names == ["testkit/suite.json", "testkit/suite_2.json"]


def test_log_again_logs_only_what_is_new(client, run_id):
    tracker, _ = tracker_of(client, run_id, [("x", "passed")])
    tracker.log()
    tracker.log()
    assert set(client.get_run(run_id).data.params) == {"suite_x", "suite_AllTestsPassed"}
    tracker.record("y", NOW, 0.1, "failed")
    tracker.log()
    params = client.get_run(run_id).data.params
    assert params["suite_y"] == "Failed" and params["suite_AllTestsPassed_2"] == "false"


@pytest.mark.parametrize("suite", ["with spaces/and more", "ärger"])
def test_any_suite_name_makes_a_legal_artifact(client, run_id, suite):
    tracker, _ = tracker_of(client, run_id, [("x", "passed")], suite=suite)
    tracker.log()
    assert len(client.list_artifacts(run_id, "testkit")) == 1
