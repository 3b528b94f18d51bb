"""The records of a suite, and what it says of them."""

import subprocess
import sys
from datetime import datetime, timezone

import pytest
from conftest import SOURCES
from notebook_releases_testkit import LoggingFailed, TestTracker

NOW = datetime(2026, 11, 23, 23, 55, 1, 250_000, tzinfo=timezone.utc)


def tracker_of(*outcomes, **options):
    lines = []
    tracker = TestTracker("suite", say=lines.append, **options)
    for number, outcome in enumerate(outcomes):
        tracker.record(f"test_{number}", NOW, 0.5, outcome)
    return tracker, lines


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], True),
        (["passed", "passed"], True),
        (["passed", "failed"], False),
        (["passed", "canceled"], False),
        (["pending"], False),
    ],
)
def test_all_tests_passed(outcomes, expected):
    assert tracker_of(*outcomes)[0].all_tests_passed() is expected


def test_the_last_attempt_counts():
    tracker, _ = tracker_of("failed", "passed")
    tracker.record("test_0", NOW, 0.1, "passed")
    assert tracker.all_tests_passed() and tracker.failed_tests() == []
    tracker.record("test_1", NOW, 0.1, "failed")
    assert not tracker.all_tests_passed()
    assert [run.name for run in tracker.failed_tests()] == ["test_1"]
    assert len(tracker.test_runs) == 4


def test_a_suite_that_was_broken_off_has_not_passed():
    tracker, _ = tracker_of("passed")
    tracker.abort("interrupted")
    assert not tracker.all_tests_passed()
    assert tracker.summary() == "suite: 1 test in 0.50 s: 1 passed, interrupted"


def test_a_record_has_everything(monkeypatch):
    monkeypatch.setenv("CHOSEN", "yes")
    monkeypatch.setenv("OTHER", "no")
    tracker = TestTracker("suite", environment_variables=["CHOSEN", "ABSENT"])
    run = tracker.record("test", NOW, 1.5, "failed", exception="ValueError: x", trace="line 1")
    assert tracker.test_runs == [run]
    assert run.as_json() == {
        "name": "test",
        "start_time": "2026-11-23T23:55:01.250Z",
        "duration": 1.5,
        "outcome": "failed",
        "result": None,
        "exception": "ValueError: x",
        "trace": "line 1",
        "environment": {"CHOSEN": "yes", "ABSENT": None},
    }


def test_a_start_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        TestTracker("suite").record("test", datetime(2026, 1, 1), 1, "passed")  # noqa: DTZ001


def test_the_suite_is_named_by_argument_or_subclass_and_is_unique_otherwise():
    class Forecast(TestTracker):
        test_suite_name = "forecast"

    assert Forecast().test_suite_name == "forecast"
    assert Forecast("other").test_suite_name == "other"
    first, second = TestTracker().test_suite_name, TestTracker().test_suite_name
    assert first != second and first.startswith("TestTracker_")


def test_the_report_tells_the_outcomes_apart():
    tracker, lines = tracker_of("passed", "canceled", "pending")
    tracker.record("test_bad", NOW, 0.5, "failed", exception="ValueError: 1\n2")
    tracker.report()
    assert [line.split()[0] for line in lines[:4]] == ["passed", "canceled", "pending", "Failed"]
    assert lines[3].endswith("test_bad  ValueError: 1")
    assert lines[4] == "suite: 4 tests in 2.00 s: 1 passed, 1 Failed, 1 canceled, 1 pending"


@pytest.mark.parametrize("run_id", [None, ""])
def test_without_a_run_id_it_says_so_and_needs_no_mlflow(run_id):
    tracker, lines = tracker_of("passed", run_id=run_id)
    tracker.log()
    assert lines == ["suite: no run id, so nothing is logged to MLflow"]


def test_the_run_id_comes_from_the_environment_unless_it_is_given(monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "from environment")
    assert TestTracker("s").run_id == "from environment"
    assert TestTracker("s", run_id="given").run_id == "given"


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(SOURCES)},
    )


def test_a_suite_without_run_id_loads_neither_mlflow_nor_pytest():
    done = python(
        "import sys; sys.modules['mlflow'] = sys.modules['pytest'] = None\n"
        "from notebook_releases_testkit import TestTracker\n"
        "TestTracker('s').log()"
    )
    assert done.stdout == "s: no run id, so nothing is logged to MLflow\n", done.stderr


def test_a_run_id_without_mlflow_says_what_to_install():
    done = python(
        "import sys; sys.modules['mlflow'] = None\n"
        "from notebook_releases_testkit import TestTracker\n"
        "TestTracker('s', run_id='r').log()"
    )
    assert done.returncode == 1
    assert "LoggingFailed: s: 0 results could not be logged to MLflow run r" in done.stderr
    assert "install mlflow-skinny" in done.stderr


def test_a_run_that_does_not_exist_is_an_error_that_names_it(client):
    tracker, _ = tracker_of("passed", run_id="0" * 32, client=client)
    with pytest.raises(
        LoggingFailed, match=f"suite: 1 results could not be logged to MLflow run {'0' * 32}: .*"
    ):
        tracker.log()
