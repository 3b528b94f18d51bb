"""Runs one command in a process group of its own and ends the whole group when this process's standard input closes.

The server holds the other end of that pipe, so nothing it started outlives it, not even after `kill -9`.
Usage: python supervise.py SECONDS COMMAND [ARGUMENT …], where SECONDS is the time between SIGTERM and SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType


def _signal_group(group: int, number: int) -> bool:
    """Signals a process group; False where nothing of it is left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS answers EPERM for a group of which only zombies are left.
        return False
    return True


def end_group(child: subprocess.Popen[bytes], grace: float) -> None:
    """SIGTERM to the group, SIGKILL after `grace` seconds to whatever is left of it."""
    limit = time.monotonic() + grace
    alive = _signal_group(child.pid, signal.SIGTERM)
    while alive and time.monotonic() < limit:
        child.poll()
        time.sleep(0.02)
        alive = _signal_group(child.pid, 0)
    _signal_group(child.pid, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    grace = float(arguments[0])
    child = subprocess.Popen(arguments[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    finished = threading.Event()

    def stop(_number: int = 0, _frame: FrameType | None = None) -> None:
        finished.set()

    def watch_input() -> None:
        while os.read(0, 4096):
            pass
        stop()

    def watch_child() -> None:
        child.wait()
        stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=watch_input, daemon=True).start()
    threading.Thread(target=watch_child, daemon=True).start()
    finished.wait()
    code = child.poll()
    # Also after the command ended by itself: its children may have outlived it (mlflow's workers do).
    end_group(child, grace)
    return 0 if code is None else code if code >= 0 else 128 - code


if __name__ == "__main__":
    # os._exit: the reader thread may be blocked in read() and must not hold up the end.
    os._exit(main(sys.argv[1:]))
