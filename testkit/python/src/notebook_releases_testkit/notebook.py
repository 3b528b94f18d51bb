"""`run_tests`: pytest inside a notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .tracker import TestTracker, unique_name

_HEADER = b"# Databricks notebook source"
_NAMED = 20


class TestsFailed(AssertionError):
    """Tests failed; the message names them. `tracker` has the records."""

    __test__ = False

    def __init__(self, message: str, tracker: TestTracker) -> None:
        super().__init__(message)
        self.tracker = tracker


class NoTestsFound(AssertionError):
    """There is nothing to run: a mistake in the path, rather than a success."""


def run_tests(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    run_id: str | None = None,
    test_suite_name: str | None = None,
    environment_variables: Sequence[str] = (),
    arguments: Sequence[str] = (),
    client: Any = None,
) -> TestTracker:
    """Runs pytest in this process on files and folders, relative to the working directory, which in a notebook is its folder.

    Prints pytest's report, logs to the MLflow run `run_id` (default: MLFLOW_RUN_ID; none: prints only) and returns the
    tracker. Writes nothing beside the tests, since releases are read-only. Test files are loaded anew each time; modules
    that they import stay loaded, as everywhere in a notebook (`dbutils.library.restartPython()` forgets them).
    Notebooks among the files are left out.

    :param test_suite_name: begins the names in MLflow. Default: the first path's name, made unique.
    :param arguments: more for pytest, e.g. `["-k", "fit", "-x"]`.
    :raises TestsFailed: with the names of the failed tests.
    :raises NoTestsFound: no test is there, or none was selected.
    :raises LoggingFailed: all passed, but their results could not be logged.
    """
    import pytest

    from .pytest_plugin import TrackerPlugin

    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    places = [Path(os.path.abspath(path)) for path in given]
    if not places:
        raise NoTestsFound("run_tests was given no path")
    missing = [str(place) for place in places if not place.exists()]
    if missing:
        raise NoTestsFound(f"there is no {', '.join(missing)} (working directory: {os.getcwd()})")
    tracker = TestTracker(
        test_suite_name or unique_name(places[0].stem),
        run_id=run_id,
        environment_variables=environment_variables,
        client=client,
    )
    plugin = TrackerPlugin(tracker)
    options = [
        *("-p", "no:cacheprovider"),
        "--import-mode=importlib",
        # A notebook's standard output is no file that could be redirected.
        "--capture=sys",
        "--color=no",
        *arguments,
    ]
    # Not in there: without its bytecode, MLflow's import would take long every time.
    tracker.load_mlflow()
    with _leaving_no_traces(places):
        status = pytest.main([*options, *map(str, places)], plugins=[plugin, _WithoutNotebooks()])
    where = ", ".join(str(path) for path in given)
    failed = tracker.failed_tests()
    if failed:
        raise TestsFailed(_names_of(tracker, where), tracker)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise NoTestsFound(f"pytest found no tests in {where} (arguments: {list(arguments)})")
    if plugin.problem is not None:
        raise plugin.problem
    if status != pytest.ExitCode.OK:
        reason = getattr(status, "name", str(status))
        raise TestsFailed(f"pytest ended with {reason} on {where}: see its output above", tracker)
    return tracker


def _names_of(tracker: TestTracker, where: str) -> str:
    failed = tracker.failed_tests()
    lines = [f"{len(failed)} of {len(tracker.last_attempts())} tests failed in {where}:"]
    for run in failed[:_NAMED]:
        reason = (run.exception or "").splitlines()[:1]
        lines.append(f"  {run.name}: {reason[0]}" if reason else f"  {run.name}")
    if len(failed) > _NAMED:
        lines.append(f"  and {len(failed) - _NAMED} more: see pytest's report above")
    return "\n".join(lines)


class _WithoutNotebooks:
    """A folder of tests may hold notebooks, among them the one that runs now."""

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        if collection_path.suffix != ".py" or not collection_path.is_file():
            return None
        with open(collection_path, "rb") as file:
            return True if file.read(len(_HEADER)) == _HEADER else None


@contextmanager
def _leaving_no_traces(places: Sequence[Path]) -> Iterator[None]:
    """No bytecode on the disk, and no module of the tests left for the next run in this interpreter."""
    folders = [str(place if place.is_dir() else place.parent) + os.sep for place in places]
    before = set(sys.modules)
    wrote, path = sys.dont_write_bytecode, list(sys.path)
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = wrote
        sys.path[:] = path
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            installed = "site-packages" in file or "dist-packages" in file
            is_conftest = os.path.basename(file) == "conftest.py"
            if is_conftest or (not installed and os.path.abspath(file).startswith(tuple(folders))):
                del sys.modules[name]
