"""TestTracker: each test's result and duration in the MLflow run of the deployment that it tests.

For pytest: `run_tests` in a notebook, or the plugin (`pytest_plugin`), which pytest finds by itself. For `unittest`:
`TestTrackerMixin`. Names and records: testkit/README.md of notebook-releases.

No assertions here: PYTEST_DONT_REWRITE (pytest would warn that a notebook has imported this before it).
"""

from .notebook import NoTestsFound, TestsFailed, run_tests
from .records import Outcome, TestRun
from .tracker import LoggingFailed, TestTracker
from .unittest_mixin import TestTrackerMixin
from .version import __version__

__all__ = [
    "LoggingFailed",
    "NoTestsFound",
    "Outcome",
    "TestRun",
    "TestTracker",
    "TestTrackerMixin",
    "TestsFailed",
    "__version__",
    "run_tests",
]
