"""`TestTrackerMixin`: the same records and names for a `unittest.TestCase`, whichever runner runs it."""

from __future__ import annotations

import time
import traceback
import unittest
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, ClassVar

from .records import Outcome, TestRun
from .tracker import TestTracker, unique_name

_Error = tuple[type[BaseException], BaseException, TracebackType]


class TestTrackerMixin:
    """Before `unittest.TestCase` in a class's bases: its tests are one suite, which is logged when the class is done.

        class TestForecast(TestTrackerMixin, unittest.TestCase):
            test_suite_name = "forecast"

    In a notebook, `TestForecast.mlflow_run_id = dbutils.widgets.get("run_id")` before the tests run; the environment
    variable MLFLOW_RUN_ID does as well. A test says more than `passed` by `self.result = "rmse 2.1"`.
    """

    __test__ = False  # nothing for pytest; a class that uses it is, see below

    #: Begins the names in MLflow. Default: the class's name made unique.
    test_suite_name: ClassVar[str] = ""
    #: The run to log to; default: MLFLOW_RUN_ID.
    mlflow_run_id: ClassVar[str | None] = None
    #: Names of those to record with each test; no secrets.
    environment_variables: ClassVar[Sequence[str]] = ()
    #: Of the class's last run.
    tracker: ClassVar[TestTracker]
    #: Every attempt of every test of the class's last run.
    test_runs: ClassVar[list[TestRun]] = []

    result: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__test__" not in cls.__dict__:
            cls.__test__ = True
        cls._named = "test_suite_name" in cls.__dict__ or getattr(cls, "_named", False)
        if not cls._named:
            cls.test_suite_name = unique_name(cls.__name__)
        cls._running = False
        cls._start_tracker()

    _named: ClassVar[bool] = False
    _running: ClassVar[bool] = False

    @classmethod
    def _start_tracker(cls) -> None:
        cls.tracker = TestTracker(
            cls.test_suite_name, run_id=cls.mlflow_run_id, environment_variables=cls.environment_variables
        )
        cls.test_runs = cls.tracker.test_runs

    @classmethod
    def all_tests_passed(cls) -> bool:
        """Whether the last attempt of every test passed; true for none."""
        return cls.tracker.all_tests_passed()

    @classmethod
    def _finish(cls) -> None:
        cls._running = False
        cls.tracker.report()
        cls.tracker.log()

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """As `TestCase.run`, which it calls, and keeps a record of it."""
        kind: Any = type(self)
        if not kind._running:
            # Not in setUpClass: a test's own may forget `super()`. Class clean-ups run after tearDownClass.
            kind._running = True
            kind._start_tracker()
            kind.addClassCleanup(kind._finish)
        case: Any = super()
        observed = _Observed(result if result is not None else kind.defaultTestResult(self))
        start, started = datetime.now(timezone.utc), time.perf_counter()
        answer: unittest.TestResult | None = case.run(observed)
        seconds = time.perf_counter() - started
        error = observed.error
        kind.tracker.record(
            getattr(self, "_testMethodName", str(self)),
            start,
            seconds,
            observed.outcome,
            exception=observed.exception,
            trace="".join(traceback.format_exception(*error)) if error else None,
            result=self.result if observed.outcome == "passed" else None,
        )
        return answer.original if isinstance(answer, _Observed) else answer


class _Observed(unittest.TestResult):
    """Hands everything on to the runner's own result, and remembers what became of the one test."""

    # A TestResult by type only: all its attributes are the original's.
    def __init__(self, original: Any) -> None:
        self.original = original
        self.outcome: Outcome = "canceled"  # what a test is of which the runner never hears
        self.exception: str | None = None
        self.error: _Error | None = None

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "__dict__")
        if name in own or name in ("_become", "__class__", "__dict__"):
            return object.__getattribute__(self, name)
        value = getattr(own["original"], name)
        watch = _WATCHED.get(name)
        return _both(self, watch, value) if watch else value

    def _become(self, outcome: Outcome, exception: str | None = None, error: _Error | None = None) -> None:
        # A failure stays one, whatever tear-down says later.
        if self.outcome != "failed":
            self.outcome, self.exception, self.error = outcome, exception, error


def _both(
    observed: _Observed, watch: Callable[..., None], original: Callable[..., Any]
) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        watch(observed, *arguments)
        return original(*arguments)

    return call


def _failed(observed: _Observed, _test: object, error: _Error) -> None:
    observed._become("failed", f"{error[0].__name__}: {error[1]}", error)


def _subtest(observed: _Observed, test: object, _subtest: object, error: _Error | None) -> None:
    if error is not None:
        _failed(observed, test, error)


_WATCHED: dict[str, Callable[..., None]] = {
    "addSuccess": lambda observed, _test: observed._become("passed"),
    "addFailure": _failed,
    "addError": _failed,
    "addSubTest": _subtest,
    "addSkip": lambda observed, _test, reason: observed._become("canceled", f"Skipped: {reason}"),
    "addExpectedFailure": lambda observed, _test, error: observed._become(
        "pending", f"{error[0].__name__}: {error[1]}", error
    ),
    "addUnexpectedSuccess": lambda observed, _test, *_: observed._become(
        "failed", "UnexpectedSuccess: the test passed, and is marked as an expected failure"
    ),
}
