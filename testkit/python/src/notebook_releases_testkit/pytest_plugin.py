"""The pytest plugin. pytest finds it by itself where the wheel is installed; elsewhere: `-p notebook_releases_testkit.pytest_plugin`.

Results go to the run of `--testkit-run-id` or MLFLOW_RUN_ID. A test gives a result of its own, other than `passed`, by
pytest's fixture: `record_property("result", "rmse 2.1")`.

No assertions here: PYTEST_DONT_REWRITE (pytest would warn that a notebook has imported this before it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

import pytest

from .records import Outcome
from .tracker import LoggingFailed, TestTracker, unique_name

PLUGIN = "notebook-releases-testkit-tracker"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the suite's settings for an ini file."""
    group = parser.getgroup("testkit", "notebook-releases-testkit: results in MLflow")
    group.addoption("--testkit-run-id", metavar="ID", help="MLflow run to log to (default: MLFLOW_RUN_ID)")
    group.addoption(
        "--testkit-suite", metavar="NAME", help="begins the names in MLflow (default: a unique one)"
    )
    group.addoption(
        "--testkit-env",
        metavar="VARIABLE",
        action="append",
        default=[],
        help="record this environment variable with each test (several times); no secrets",
    )
    parser.addini("testkit_suite", "begins the names in MLflow (default: a unique one)")
    parser.addini("testkit_env", "environment variables to record with each test", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Starts a tracker, unless `run_tests` brought its own."""
    if config.pluginmanager.has_plugin(PLUGIN):
        return
    tracker = TestTracker(
        config.getoption("--testkit-suite") or config.getini("testkit_suite") or unique_name("pytest"),
        run_id=config.getoption("--testkit-run-id"),
        environment_variables=[*config.getini("testkit_env"), *config.getoption("--testkit-env")],
    )
    config.pluginmanager.register(TrackerPlugin(tracker), PLUGIN)


class TrackerPlugin:
    """Records the tests of one pytest session into a tracker, and logs them at its end."""

    __name__ = PLUGIN  # pytest's name of it where it is given to `pytest.main`

    def __init__(self, tracker: TestTracker) -> None:
        self.tracker = tracker
        #: Why the results could not be logged.
        self.problem: LoggingFailed | None = None
        self._lines: list[str] = []
        tracker.say = self._lines.append
        self._phases: dict[str, list[pytest.TestReport]] = {}
        self._ambiguous: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Finds names that several files have: those are told apart by the file."""
        counts = Counter(_short(nodeid) for nodeid in {item.nodeid for item in session.items})
        self._ambiguous = {name for name, count in counts.items() if count > 1}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported is a failed test: its tests would be missing otherwise."""
        if report.failed:
            trace = report.longreprtext
            last = [line for line in trace.splitlines() if line.strip()][-1:]
            message = last[0].removeprefix("E").strip() if last else "cannot be collected"
            now = datetime.now(timezone.utc)
            self.tracker.record(
                report.nodeid or "collection", now, 0.0, "failed", exception=message, trace=trace
            )

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, None]:
        """Keeps type and message of the exception, which the report only has as printed text.

        As a report's attribute, it also arrives from pytest-xdist's workers.
        """
        answer = yield
        if call.excinfo is not None:
            error = call.excinfo.value
            answer.get_result().testkit_exception = f"{type(error).__name__}: {error}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Set-up, call and tear-down of a test, one after the other."""
        if hasattr(report, "context") and not report.failed:
            return  # a subtest: only a failed one tells something of the test
        phases = self._phases.setdefault(report.nodeid, [])
        if phases and report.when == "setup":
            self._end(report.nodeid)
            phases = self._phases.setdefault(report.nodeid, [])
        if not phases and report.when == "teardown" and report.passed:
            del self._phases[report.nodeid]  # the end of an attempt that pytest-rerunfailures closed already
            return
        phases.append(report)
        # "rerun" is what pytest-rerunfailures calls a failure that is tried again.
        if report.when not in ("setup", "call") or str(report.outcome) == "rerun":
            self._end(report.nodeid)

    def _end(self, nodeid: str) -> None:
        reports = self._phases.pop(nodeid)
        outcome, telling = _outcome(reports)
        starts = [report.start for report in reports if hasattr(report, "start")]
        duration = sum(report.duration for report in reports if not hasattr(report, "context"))
        start = min(starts) if starts else datetime.now(timezone.utc).timestamp() - duration
        exception = trace = result = None
        if telling is not None:
            exception = getattr(telling, "testkit_exception", None) or _first_line(telling)
            trace = telling.longreprtext or None
        else:
            said = dict(reports[-1].user_properties).get("result")
            result = None if said is None else str(said)
        self.tracker.record(
            self._name(nodeid),
            datetime.fromtimestamp(start, timezone.utc),
            duration,
            outcome,
            exception=exception,
            trace=trace,
            result=result,
        )

    def _name(self, nodeid: str) -> str:
        short = _short(nodeid)
        if short not in self._ambiguous:
            return short
        file = PurePosixPath(nodeid.partition("::")[0])
        return f"{file.with_suffix('')}.{short}"

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        """Logs, but not in a worker of pytest-xdist: its reports went to the main process."""
        if hasattr(session.config, "workerinput"):
            return
        if exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR):
            self.tracker.abort("interrupted before the end")
        for nodeid in list(self._phases):
            self.tracker.abort("interrupted in a test")
            self._end(nodeid)
        self._lines.append(self.tracker.summary())
        try:
            self.tracker.log()
        except LoggingFailed as problem:
            self.problem = problem
            self._lines.append(str(problem))
            if exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Says what was logged, and where."""
        terminalreporter.section("TestTracker")
        for line in self._lines:
            terminalreporter.line(line)


def _short(nodeid: str) -> str:
    """`TestFit.test_bias[3-7]` of `tests/test_fit.py::TestFit::test_bias[3-7]`."""
    file, _, inner = nodeid.partition("::")
    name, bracket, values = inner.partition("[")
    return name.replace("::", ".") + bracket + values if inner else file


def _outcome(reports: list[pytest.TestReport]) -> tuple[Outcome, pytest.TestReport | None]:
    """The outcome of all phases together, and the report that explains it."""
    for report in reports:
        if report.failed or str(report.outcome) == "rerun":
            return "failed", report
    for report in reports:
        if report.skipped:
            # Marked by the skipping plugin: the reason of an expected failure.
            return ("pending" if hasattr(report, "wasxfail") else "canceled"), report
    ended = any(report.when == "call" for report in reports)
    return ("passed", None) if ended else ("canceled", reports[-1])


def _first_line(report: pytest.TestReport) -> str | None:
    return next((line for line in report.longreprtext.splitlines() if line.strip()), None)
