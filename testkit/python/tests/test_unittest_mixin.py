"""The mixin under unittest's own runner."""

import io
import unittest

import pytest
from notebook_releases_testkit import LoggingFailed, TestTrackerMixin


def run_class(case):
    stream = io.StringIO()
    result = unittest.TextTestRunner(stream=stream).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(case)
    )
    result.text = stream.getvalue()
    return result


def make_all():
    class All(TestTrackerMixin, unittest.TestCase):
        test_suite_name = "all"

        def test_passes(self):
            pass

        def test_says(self):
            self.result = "rmse 2.1"

        def test_fails(self):
            self.assertEqual(1, 2)

        def test_raises(self):
            raise ValueError("x")

        def test_skips(self):
            self.skipTest("no GPU")

        @unittest.skip("later")
        def test_marked(self):
            pass

        @unittest.expectedFailure
        def test_known(self):
            self.fail("known")

        @unittest.expectedFailure
        def test_surprise(self):
            pass

        def test_subtests(self):
            for number in (1, 2):
                with self.subTest(number=number):
                    self.assertEqual(number, 1)

        def test_cleanup(self):
            self.addCleanup(self.fail, "cannot drop")

        def test_fails_twice(self):
            self.addCleanup(self.fail, "cannot drop")
            raise ValueError("first")

    return All


def test_outcomes_and_what_the_runner_sees():
    case = make_all()
    result = run_class(case)
    assert {run.name: run.outcome for run in case.test_runs} == {
        "test_passes": "passed",
        "test_says": "passed",
        "test_fails": "failed",
        "test_raises": "failed",
        "test_skips": "canceled",
        "test_marked": "canceled",
        "test_known": "pending",
        "test_surprise": "failed",
        "test_subtests": "failed",
        "test_cleanup": "failed",
        "test_fails_twice": "failed",
    }
    by_name = {run.name: run for run in case.test_runs}
    assert by_name["test_says"].value == "rmse 2.1"
    assert by_name["test_raises"].exception == "ValueError: x"
    assert 'raise ValueError("x")' in by_name["test_raises"].trace
    assert by_name["test_fails_twice"].exception == "ValueError: first"
    assert by_name["test_skips"].exception == "Skipped: no GPU"
    assert not case.all_tests_passed()
    # The runner's own result is as without the mixin.
    seen = (result.testsRun, len(result.failures), len(result.errors), len(result.skipped))
    assert seen == (11, 4, 2, 2)
    assert (len(result.expectedFailures), len(result.unexpectedSuccesses)) == (1, 1)
    assert "Ran 11 tests" in result.text


def test_it_logs_to_the_run_when_the_class_is_done(client, run_id, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", client.tracking_uri)

    class Case(TestTrackerMixin, unittest.TestCase):
        test_suite_name = "case"

        @classmethod
        def tearDownClass(cls):
            """Forgets `super()`, as many do."""

        def test_one(self):
            pass

    Case.mlflow_run_id = run_id
    assert run_class(Case).wasSuccessful()
    assert client.get_run(run_id).data.params == {"case_test_one": "passed", "case_AllTestsPassed": "true"}
    assert run_class(Case).wasSuccessful()
    assert len(Case.test_runs) == 1, "each run of the class starts anew"
    assert client.get_run(run_id).data.params["case_test_one_2"] == "passed"


def test_results_that_cannot_be_logged_fail_the_run(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", client.tracking_uri)

    class Case(TestTrackerMixin, unittest.TestCase):
        mlflow_run_id = "0" * 32

        def test_one(self):
            pass

    result = run_class(Case)
    assert not result.wasSuccessful()
    assert LoggingFailed.__name__ in result.errors[0][1]


def test_without_a_run_id_it_prints(capsys):
    case = make_all()
    run_class(case)
    assert "all: no run id, so nothing is logged to MLflow" in capsys.readouterr().out


def test_suites_are_unique_unless_named_and_each_class_has_its_own_records():
    class One(TestTrackerMixin, unittest.TestCase):
        def test_one(self):
            pass

    class Two(One):
        pass

    run_class(One)
    assert One.test_suite_name.startswith("One_") and Two.test_suite_name.startswith("Two_")
    assert len(One.test_runs) == 1 and Two.test_runs == []
    assert One.all_tests_passed() and Two.all_tests_passed()


@pytest.mark.parametrize("runner", ["result", "none"])
def test_a_single_test_runs_as_unittest_allows(runner):
    class Case(TestTrackerMixin, unittest.TestCase):
        def test_one(self):
            pass

    result = unittest.TestResult() if runner == "result" else None
    returned = Case("test_one").run(result)
    assert returned is result or (result is None and returned.testsRun == 1)
    assert [run.outcome for run in Case.test_runs] == ["passed"]


def test_pytest_collects_a_class_with_the_mixin(pytester):
    pytester.makepyfile(
        """
        import unittest
        from notebook_releases_testkit import TestTracker, TestTrackerMixin
        class TestIt(TestTrackerMixin, unittest.TestCase):
            def test_one(self): pass
            def test_two(self): self.fail("x")
        """
    )
    result = pytester.inline_run("-p", "no:cacheprovider")
    result.assertoutcome(passed=1, failed=1)
