"""Names and values that MLflow takes. The rules are in testkit/README.md: the Scala test kit follows the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container

#: Room for `_dur` and a number below the 250 characters that MLflow's own server takes.
NAME_CHARACTERS = 240
#: Databricks' limit of a parameter's value.
VALUE_BYTES = 500


def legal(name: str) -> str:
    """The name with `_` for every character outside `[A-Za-z0-9_]`; a long one is cut and ends in a digest of the whole."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if len(plain) <= NAME_CHARACTERS:
        return plain
    return f"{plain[: NAME_CHARACTERS - 9]}_{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def cut(value: str) -> str:
    """The value in at most 500 bytes of UTF-8, cut at a whole character."""
    return value.encode("utf-8", "replace")[:VALUE_BYTES].decode("utf-8", "ignore")


def free(name: str, parameters: Container[str], metrics: Container[str]) -> tuple[str, int]:
    """The first of `name`, `name_2`, `name_3`, … that is neither taken as a parameter nor, with `_dur`, as a metric."""
    number = 1
    candidate = name
    while candidate in parameters or f"{candidate}_dur" in metrics:
        number += 1
        candidate = f"{name}_{number}"
    return candidate, number
