"""One run from its specification to its last event."""

import atexit
import faulthandler
import json
import os
import sys
import time

from . import scala
from .channel import Channel
from .guardian import fork_under_guard
from .session import Session
from .streams import Budget, Stream, flush_before_children

EVENTS = 3
LIFELINE = 4


def main():
    started = time.perf_counter()
    specification = sys.stdin.buffer.readline()
    if not specification:
        return
    fork_under_guard(LIFELINE)
    prepare = json.loads(specification).get("prepare")
    if prepare:
        # Started ahead: the slow part now, then the wait for a notebook, which may never come.
        scala.start(prepare["scala"])
        specification = sys.stdin.buffer.readline()
        if not specification:
            os._exit(0)
        started = time.perf_counter()
    answers = os.fdopen(os.dup(0), "rb")
    _close_standard_input()
    os.set_inheritable(EVENTS, False)
    channel = Channel(EVENTS, answers)
    channel.emit({"type": "started", "pid": os.getpid()})
    faulthandler.enable(file=2)
    spec = json.loads(specification)
    budget = Budget(spec["output_limit"])
    sys.stdout = Stream("stdout", channel, budget)
    sys.stderr = Stream("stderr", channel, budget)
    flush_before_children(sys.stdout, sys.stderr)
    os.environ.update(spec["environment"])
    _arrange_paths(spec)
    end = Session(spec, channel, budget).run()
    _finish(channel, end, started)


def _close_standard_input():
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)


def _arrange_paths(spec):
    """The notebook sees its folder and its release first, and a module of its own called `driver` as that, not as us."""
    sys.path.pop(0)  # the folder that we came from
    for name in [name for name in sys.modules if name == "driver" or name.startswith("driver.")]:
        del sys.modules[name]
    sys.argv = [spec["notebook"]["path"]]
    # Libraries of the task come before the shared packages, and after Python's own modules.
    shared = next((i for i, entry in enumerate(sys.path) if entry.endswith("-packages")), len(sys.path))
    sys.path[shared:shared] = spec["library_path"]
    sys.path[:0] = spec["python_path"]
    os.chdir(spec["working_directory"])


def _finish(channel, end, started):
    """Lets exit handlers work (MLflow sends what it still holds), then ends even if a thread of the notebook goes on."""
    if not channel.is_ours:
        os._exit(0)  # a process that the notebook forked, and that came to the notebook's end as well
    try:
        atexit._run_exitfuncs()
    except BaseException as error:
        print(f"An exit handler failed: {type(error).__name__}: {error}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    end["seconds"] = round(time.perf_counter() - started, 6)
    channel.emit(end)
    os._exit(0 if end["result"] == "success" else 1)
