"""Puts a suite's records into an MLflow run: in few requests, within Databricks' limits, without touching the run's status."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from .naming import cut, free, legal
from .records import TestRun
from .version import __version__

#: Databricks: "MLflow resource limits". The difference is left to the deployment's own parameters and other suites.
RUN_PARAMETERS = 1_600
SUITE_PARAMETERS = 1_500
BATCH_PARAMETERS = 100
BATCH_ITEMS = 1_000
#: How often other names are chosen because somebody else logs to the same run at the same time.
ATTEMPTS = 5


@dataclass
class Logged:
    """What came of it."""

    #: `testkit/<suite>.json` in the run.
    artifact: str
    #: `<suite>_AllTestsPassed`, or with a number; None where the run was full.
    parameter: str | None
    #: How many tests' results are in the artifact only.
    left_out: int = 0


@dataclass
class _Entry:
    wanted: str
    value: str
    test: TestRun | None = None
    #: Under which name; `<name>_dur` is the duration's.
    name: str = ""
    #: The n of `<wanted>_n`; 1 for the wanted name itself.
    number: int = 1
    fits: bool = True


@dataclass
class _Taken:
    parameters: dict[str, str] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)

    def choose(self, entry: _Entry) -> None:
        """Gives the entry a free name, and takes it."""
        entry.name, entry.number = free(entry.wanted, self.parameters, self.metrics)
        self.parameters[entry.name] = cut(entry.value)


def log_suite(
    client: Any,
    run_id: str,
    suite: str,
    tests: Sequence[TestRun],
    all_passed: bool,
    limit: int = SUITE_PARAMETERS,
) -> Logged:
    """Logs all tests of a suite with an `MlflowClient`; raises what the client raises."""
    taken = _read(client, run_id)
    room = max(0, limit - len(taken.parameters))
    # It may use what is left to others: one parameter that says how it ended.
    verdict_fits = len(taken.parameters) < RUN_PARAMETERS
    verdict = _Entry(legal(f"{suite}_AllTestsPassed"), "true" if all_passed else "false", fits=verdict_fits)
    taken.choose(verdict)
    entries = [_Entry(legal(f"{suite}_{test.name}"), test.value, test) for test in tests]
    for entry in entries:
        taken.choose(entry)
    # Where not all fit, what failed is what people look for.
    by_importance = sorted(
        entries, key=lambda entry: entry.test is not None and entry.test.outcome != "failed"
    )
    for entry in by_importance[max(0, room - 1) :]:
        entry.fits = False
    for batch in _batches([verdict, *by_importance]):
        _send(client, run_id, batch, taken)
    suffix = f"_{verdict.number}" if verdict.number > 1 else ""
    if not verdict.fits:
        suffix = f"_{uuid.uuid4().hex[:8]}"
    logged = Logged(
        artifact=f"testkit/{legal(suite)}{suffix}.json",
        parameter=verdict.name if verdict.fits else None,
        left_out=sum(not entry.fits for entry in entries),
    )
    content = {
        "suite": suite,
        "all_tests_passed": all_passed,
        "all_tests_passed_parameter": logged.parameter,
        "run_id": run_id,
        "testkit": {"language": "python", "version": __version__},
        "tests": [
            {
                **entry.test.as_json(),
                "parameter": entry.name if entry.fits else None,
                "metric": f"{entry.name}_dur",
            }
            for entry in entries
            if entry.test
        ],
    }
    client.log_text(run_id, json.dumps(content, indent=1), logged.artifact)
    return logged


def _read(client: Any, run_id: str) -> _Taken:
    data = client.get_run(run_id).data
    return _Taken(dict(data.params), set(data.metrics))


def _batches(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """As few requests as the limits allow: 100 parameters each, 1,000 items with the metrics."""
    batch: list[_Entry] = []
    parameters = items = 0
    for entry in entries:
        size = entry.fits + (entry.test is not None)
        if parameters + entry.fits > BATCH_PARAMETERS or items + size > BATCH_ITEMS:
            yield batch
            batch, parameters, items = [], 0, 0
        batch.append(entry)
        parameters += entry.fits
        items += size
    if batch:
        yield batch


def _send(client: Any, run_id: str, batch: list[_Entry], taken: _Taken) -> None:
    """One batch. Where another test logged one of its names since they were read, other names are chosen."""
    for attempt in range(1, ATTEMPTS + 1):
        params = [Param(entry.name, cut(entry.value)) for entry in batch if entry.fits]
        metrics = [
            Metric(f"{entry.name}_dur", entry.test.duration, int(entry.test.start_time.timestamp() * 1000), 0)
            for entry in batch
            if entry.test
        ]
        try:
            if params or metrics:
                client.log_batch(run_id, metrics=metrics, params=params)
            return
        except MlflowException as error:
            conflicting = error.error_code == "INVALID_PARAMETER_VALUE" and attempt < ATTEMPTS
            if not conflicting or not _rename(batch, _read(client, run_id), taken):
                raise


def _rename(batch: list[_Entry], now: _Taken, taken: _Taken) -> bool:
    """New names for what the run holds with another value; False if there is nothing like that.

    A parameter with our value may be ours, from a request that was carried out in part: it keeps its name.
    """
    taken.metrics |= now.metrics
    conflicts = [
        entry
        for entry in batch
        if entry.fits and now.parameters.get(entry.name, cut(entry.value)) != cut(entry.value)
    ]
    taken.parameters.update(now.parameters)
    for entry in conflicts:
        taken.choose(entry)
    return bool(conflicts)
