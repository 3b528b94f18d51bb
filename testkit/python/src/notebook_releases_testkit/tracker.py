"""`TestTracker`: keeps the records of one suite, shows them, and logs them to an MLflow run."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from .records import FAILED, Outcome, TestRun

RUN_ID_VARIABLE = "MLFLOW_RUN_ID"


class LoggingFailed(Exception):
    """The tests ran, but their results could not be put into the MLflow run."""


class TestTracker:
    """The tests of one suite. `run_id` (or the environment variable MLFLOW_RUN_ID) names the MLflow run to log to;
    without one, or with an empty one, as a notebook's widget has it, the results are only shown.

    :param test_suite_name: begins all names in MLflow. A subclass may set it as a class attribute instead.
        Default: unique, so that it meets no other suite in the run.
    :param environment_variables: names of those to record with each test. Never choose one with a secret.
    :param client: an `mlflow.MlflowClient`; default: a new one, when it is needed.
    :param say: gets each line of the report.
    """

    __test__ = False  # not for pytest to collect

    test_suite_name: str = ""

    def __init__(
        self,
        test_suite_name: str | None = None,
        *,
        run_id: str | None = None,
        environment_variables: Sequence[str] = (),
        client: Any = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.test_suite_name = test_suite_name or self.test_suite_name or unique_name(type(self).__name__)
        self.run_id = run_id or os.environ.get(RUN_ID_VARIABLE) or None
        self.environment_variables = tuple(environment_variables)
        #: Every attempt of every test, in the order of their ends.
        self.test_runs: list[TestRun] = []
        self._client = client
        self.say = say
        self._aborted: str | None = None
        self._logged = 0

    def record(
        self,
        name: str,
        start_time: datetime,
        duration: float,
        outcome: Outcome,
        *,
        exception: str | None = None,
        trace: str | None = None,
        result: str | None = None,
    ) -> TestRun:
        """Adds a test that ended. `start_time` has a time zone, `duration` is in seconds."""
        if start_time.tzinfo is None:
            raise ValueError(f"start_time of {name} has no time zone; use datetime.now(timezone.utc)")
        environment = {variable: os.environ.get(variable) for variable in self.environment_variables}
        run = TestRun(name, start_time, duration, outcome, exception, trace, environment, result)
        self.test_runs.append(run)
        return run

    def abort(self, reason: str) -> None:
        """Says that the suite did not come to its end, so that it cannot count as passed."""
        self._aborted = reason

    def last_attempts(self) -> list[TestRun]:
        """Of each test the last attempt: a test that passed on a retry has passed."""
        return list({run.name: run for run in self.test_runs}.values())

    def all_tests_passed(self) -> bool:
        """Whether the last attempt of every test passed; true for none. Canceled and pending tests have not passed."""
        return self._aborted is None and all(run.outcome == "passed" for run in self.last_attempts())

    def failed_tests(self) -> list[TestRun]:
        """The tests whose last attempt failed."""
        return [run for run in self.last_attempts() if run.outcome == "failed"]

    def summary(self) -> str:
        """`forecast: 3 tests in 1.24 s: 2 passed, 1 Failed`."""
        runs = self.last_attempts()
        seconds = sum(run.duration for run in self.test_runs)
        words = {"passed": "passed", "failed": FAILED, "canceled": "canceled", "pending": "pending"}
        counts = [(sum(run.outcome == outcome for run in runs), word) for outcome, word in words.items()]
        told = ", ".join(f"{count} {word}" for count, word in counts if count) or "none ran"
        aborted = f", {self._aborted}" if self._aborted else ""
        plural = "" if len(runs) == 1 else "s"
        return f"{self.test_suite_name}: {len(runs)} test{plural} in {seconds:.2f} s: {told}{aborted}"

    def report(self) -> None:
        """Shows the tests, a line each, and the summary."""
        for run in self.test_runs:
            reason = f"  {run.exception.splitlines()[0]}" if run.exception else ""
            word = FAILED if run.outcome == "failed" else run.outcome
            self.say(f"  {word:<8} {run.duration:9.3f} s  {run.name}{reason}")
        self.say(self.summary())

    def load_mlflow(self) -> None:
        """Imports MLflow where it will be needed, which takes seconds; a missing one is reported when it is used."""
        if self.run_id:
            try:
                _load_mlflow_log()
            except ImportError:
                pass

    def log(self) -> None:
        """Logs what was not logged before, and says where. LoggingFailed if that does not work."""
        new = self.test_runs[self._logged :]
        if not self.run_id:
            self.say(f"{self.test_suite_name}: no run id, so nothing is logged to MLflow")
            return
        if self._logged and not new:
            return
        try:
            log_suite = _load_mlflow_log()
            client = self._client or _new_client()
            logged = log_suite(client, self.run_id, self.test_suite_name, new, self.all_tests_passed())
        except Exception as error:
            raise LoggingFailed(
                f"{self.test_suite_name}: {len(new)} results could not be logged to MLflow run {self.run_id}: "
                f"{type(error).__name__}: {error}"
            ) from error
        self._logged = len(self.test_runs)
        self.say(
            f"{self.test_suite_name}: logged to MLflow run {self.run_id}; everything is in {logged.artifact}"
        )
        if logged.left_out or not logged.parameter:
            verdict = "" if logged.parameter else " and AllTestsPassed"
            self.say(
                f"{self.test_suite_name}: the run's parameters are full (1,600, some kept for the deployment): "
                f"{logged.left_out} results{verdict} are in {logged.artifact} only"
            )


def unique_name(base: str) -> str:
    """`base` made unique; what is no letter, digit or `_` in it becomes `_`."""
    return f"{re.sub(r'[^A-Za-z0-9_]', '_', base)}_{uuid.uuid4().hex[:8]}"


def _load_mlflow_log() -> Any:
    """Late, because a suite that only prints shall not wait for MLflow's import, nor need it."""
    try:
        from .mlflow_log import log_suite
    except ImportError as error:
        raise ImportError(
            f"there is a run id, but no MLflow ({error}): install mlflow-skinny or mlflow, or give no run id"
        ) from error
    return log_suite


def _new_client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient()
