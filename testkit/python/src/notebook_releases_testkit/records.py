"""What is known of one test that ran. The fields and their meaning: testkit/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

#: `canceled`: it could not be run here (a skip). `pending`: known to be unfinished (an expected failure).
Outcome = Literal["passed", "failed", "canceled", "pending"]

#: What the gate calls a failed test, so that one search finds both.
FAILED = "Failed"


@dataclass(frozen=True)
class TestRun:
    """One attempt of one test; a test that was tried again has several."""

    __test__ = False  # not for pytest to collect

    #: As the framework shows it, without the suite.
    name: str
    #: With a time zone.
    start_time: datetime
    #: Seconds, with set-up and tear-down.
    duration: float
    outcome: Outcome
    #: `Type: message` of what failed, canceled or suspended the test.
    exception: str | None = None
    trace: str | None = None
    #: The environment variables that the suite chose; None for one that was not set.
    environment: Mapping[str, str | None] = field(default_factory=dict)
    #: What a passed test says instead of `passed`, as a notebook does by its exit value.
    result: str | None = None

    @property
    def value(self) -> str:
        """What MLflow gets as the test's result, not yet cut."""
        if self.outcome == "failed":
            return FAILED
        return (self.result or "passed") if self.outcome == "passed" else self.outcome

    def as_json(self) -> dict[str, Any]:
        """For the artifact."""
        moment = self.start_time.astimezone(timezone.utc)
        return {
            "name": self.name,
            "start_time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration": self.duration,
            "outcome": self.outcome,
            "result": self.result,
            "exception": self.exception,
            "trace": self.trace,
            "environment": dict(self.environment),
        }
