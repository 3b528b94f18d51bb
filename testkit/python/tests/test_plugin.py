"""What pytest's own outcomes become, and the plugin in a pytest of its own."""

import os
import subprocess
import sys

import pytest
from conftest import SOURCES
from notebook_releases_testkit import TestTracker
from notebook_releases_testkit.pytest_plugin import TrackerPlugin


@pytest.fixture
def run(pytester):
    """Runs one test file under the plugin and returns the tracker."""

    def run_file(text, *arguments, **options):
        if text:
            pytester.makepyfile(test_file=text)
        tracker = TestTracker("suite", **options)
        plugins = [TrackerPlugin(tracker)]
        result = pytester.inline_run(
            "-p", "no:cacheprovider", *arguments, plugins=plugins, no_reraise_ctrlc=True
        )
        tracker.status = result.ret
        return tracker

    return run_file


ALL = """
    import pytest

    def test_passes(): pass
    def test_fails(): assert 1 == 2, "one is not two"
    def test_raises(): raise ValueError("line one\\nline two")
    def test_skips(): pytest.skip("no GPU")
    @pytest.mark.skip(reason="later")
    def test_marked(): pass
    @pytest.mark.skipif(True, reason="not here")
    def test_conditional(): pass
    @pytest.mark.xfail(reason="known")
    def test_known(): assert False
    @pytest.mark.xfail(run=False, reason="hangs")
    def test_not_run(): pass
    @pytest.mark.xfail
    def test_surprise(): pass
    @pytest.mark.xfail(strict=True)
    def test_strict_surprise(): pass
    @pytest.fixture
    def broken(): raise OSError("no table")
    def test_set_up(broken): pass
    @pytest.fixture
    def breaks_later():
        yield
        raise OSError("cannot drop")
    def test_tear_down(breaks_later): pass
    class TestGroup:
        @pytest.mark.parametrize("value", ["a::b", 2])
        def test_in(self, value): pass
"""


def test_outcomes(run):
    tracker = run(ALL)
    assert {run.name: run.outcome for run in tracker.test_runs} == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_raises": "failed",
        "test_skips": "canceled",
        "test_marked": "canceled",
        "test_conditional": "canceled",
        "test_known": "pending",
        "test_not_run": "pending",
        "test_surprise": "passed",
        "test_strict_surprise": "failed",
        "test_set_up": "failed",
        "test_tear_down": "failed",
        "TestGroup.test_in[a::b]": "passed",
        "TestGroup.test_in[2]": "passed",
    }
    by_name = {run.name: run for run in tracker.test_runs}
    assert by_name["test_fails"].exception.startswith("AssertionError: one is not two")
    assert by_name["test_raises"].exception == "ValueError: line one\nline two"
    assert "def test_raises" in by_name["test_raises"].trace
    assert by_name["test_skips"].exception == "Skipped: no GPU"
    assert by_name["test_set_up"].exception == "OSError: no table"
    assert by_name["test_tear_down"].exception == "OSError: cannot drop"
    assert by_name["test_passes"].exception is None and by_name["test_passes"].trace is None
    assert not tracker.all_tests_passed()


def test_duration_has_set_up_and_tear_down(run):
    tracker = run(
        """
        import time, pytest
        @pytest.fixture
        def slow():
            time.sleep(0.1)
            yield
            time.sleep(0.1)
        def test_one(slow): time.sleep(0.1)
        """
    )
    (one,) = tracker.test_runs
    assert 0.3 <= one.duration < 3
    assert one.start_time.tzinfo is not None


def test_a_test_may_say_its_result(run):
    tracker = run("def test_one(record_property): record_property('result', 'rmse 2.1')")
    assert tracker.test_runs[0].value == "rmse 2.1"
    assert tracker.all_tests_passed()


def test_environment_variables(run, monkeypatch):
    monkeypatch.setenv("CHOSEN", "x")
    tracker = run("def test_one(): pass", environment_variables=["CHOSEN"])
    assert tracker.test_runs[0].environment == {"CHOSEN": "x"}


def test_a_file_that_cannot_be_imported_is_a_failed_test(run):
    tracker = run("import no_such_module\ndef test_one(): pass")
    (only,) = tracker.test_runs
    assert (only.name, only.outcome) == ("test_file.py", "failed")
    assert "no_such_module" in only.exception


def test_files_tell_equal_names_apart(run, pytester):
    pytester.makepyfile(test_a="def test_same(): pass\ndef test_own(): pass", test_b="def test_same(): pass")
    tracker = run("")
    assert [run.name for run in tracker.test_runs] == ["test_a.test_same", "test_own", "test_b.test_same"]


def test_an_interrupted_suite_has_not_passed(run):
    tracker = run("def test_one(): pass\ndef test_two(): raise KeyboardInterrupt")
    assert {run.name: run.outcome for run in tracker.test_runs} == {
        "test_one": "passed",
        "test_two": "canceled",
    }
    assert not tracker.all_tests_passed()


def test_a_suite_stopped_after_its_first_failure_has_not_passed(run):
    tracker = run("def test_one(): assert False\ndef test_two(): pass", "-x")
    assert [run.name for run in tracker.test_runs] == ["test_one"]
    assert not tracker.all_tests_passed()


def test_a_failed_subtest_fails_its_test(run):
    tracker = run(
        """
        import unittest
        class TestCase(unittest.TestCase):
            def test_one(self):
                with self.subTest("good"): pass
                with self.subTest("bad"): self.assertEqual(1, 2)
        """
    )
    assert [(run.name, run.outcome) for run in tracker.test_runs] == [("TestCase.test_one", "failed")]


def report(when, outcome, start=1_000.0):
    return pytest.TestReport(
        "f.py::test_x",
        ("f.py", 1, "test_x"),
        {},
        outcome,
        None,
        when,
        duration=0.5,
        start=start,
        stop=start + 0.5,
    )


def test_each_attempt_of_a_retried_test_is_a_record():
    """As pytest-rerunfailures reports them: without the tear-down of an attempt, and with it."""
    tracker = TestTracker("suite")
    plugin = TrackerPlugin(tracker)
    for each in (
        report("setup", "passed"),
        report("call", "rerun"),
        report("setup", "passed"),
        report("call", "rerun"),
        report("teardown", "passed"),
        report("setup", "passed"),
        report("call", "passed"),
        report("teardown", "passed"),
    ):
        plugin.pytest_runtest_logreport(each)
    assert [run.outcome for run in tracker.test_runs] == ["failed", "failed", "passed"]
    assert tracker.all_tests_passed()
    assert tracker.test_runs[-1].duration == 1.5


def pytest_with(pytester, path, *arguments, **environment):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=pytester.path,
        env={**variables, "PYTHONPATH": str(path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_wheel_on_the_path_is_found_by_pytest_and_logs(pytester, tmp_path, client, run_id):
    import wheel_backend

    wheel = tmp_path / wheel_backend.build_wheel(str(tmp_path))
    pytester.makepyfile("def test_one(): pass\ndef test_two(): assert False")
    options = ("--testkit-suite=cli", f"--testkit-run-id={run_id}", "--testkit-env=CHOSEN")
    done = pytest_with(pytester, wheel, *options, MLFLOW_TRACKING_URI=client.tracking_uri, CHOSEN="x")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "PytestAssertRewriteWarning" not in done.stdout
    assert f"cli: logged to MLflow run {run_id}" in done.stdout
    assert client.get_run(run_id).data.params == {
        "cli_test_one": "passed",
        "cli_test_two": "Failed",
        "cli_AllTestsPassed": "false",
    }


def test_named_on_the_command_line_and_in_the_ini_file(pytester):
    pytester.makepyfile("def test_one(): pass")
    pytester.makeini("[pytest]\ntestkit_suite = from_ini\n")
    done = pytest_with(pytester, SOURCES, "-p", "notebook_releases_testkit.pytest_plugin")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from_ini: no run id, so nothing is logged to MLflow" in done.stdout
    assert "from_ini: 1 test in " in done.stdout


def test_results_that_cannot_be_logged_fail_the_session(run, client):
    tracker = run("def test_one(): pass", run_id="0" * 32, client=client)
    assert tracker.status == pytest.ExitCode.INTERNAL_ERROR
