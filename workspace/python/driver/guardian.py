"""
The process that watches over a notebook's: it ends the notebook and everything that it started when the server says so,
when the server is gone, and when the notebook ends by itself. Being another process, it works while the notebook's
interpreter is busy in native code.
"""

import os
import select
import signal
import time

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def fork_under_guard(lifeline):
    """
    Returns in a new process, in a session (and so a group) of its own, where the notebook is to run; the calling process
    stays behind as its guardian and never returns.

    `lifeline` is a descriptor: a line `stop MILLISECONDS` asks for an interrupt and, that much later, the end; its
    closing means that the server is gone, and everything ends at once.
    """
    read_wake, write_wake = os.pipe()
    os.set_blocking(write_wake, False)
    os.set_blocking(read_wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write_wake, warn_on_full_buffer=False)
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(read_wake)
        os.close(write_wake)
        os.close(lifeline)
        os.setsid()
        return
    code = 1
    try:
        code = _guard(child, lifeline, read_wake)
    finally:
        os._exit(code)


def _guard(child, lifeline, wake):
    _adopt_orphans()
    deadline = None
    status = None
    while status is None:
        wait = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([lifeline, wake], [], [], wait)
        if wake in readable:
            _drain(wake)
        if lifeline in readable:
            words = os.read(lifeline, 4096).split()
            if not words:
                break
            _signal(child, signal.SIGINT)
            deadline = time.monotonic() + int(words[-1]) / 1000
        status = _reap(child)
        if deadline is not None and time.monotonic() >= deadline:
            break
    _end_all(child)
    if status is None:
        return 137
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _adopt_orphans():
    """Daemons that a notebook leaves behind become our children (Linux only), so that `_end_all` finds them."""
    if os.path.isdir("/proc/self"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _drain(descriptor):
    try:
        while os.read(descriptor, 512):
            pass
    except BlockingIOError:
        pass


def _reap(child):
    """Collects every child that ended; returns the status of `child` if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _end_all(child):
    """Kills the notebook's group and every descendant, again and again while new ones appear (for 5 s at most)."""
    limit = time.monotonic() + 5
    while True:
        try:
            os.killpg(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        remaining = _descendants(os.getpid())
        for pid in remaining:
            _signal(pid, signal.SIGKILL)
        _reap(child)
        if not remaining or time.monotonic() > limit:
            return
        time.sleep(0.002)


def _descendants(root):
    children = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found = []
    pending = [root]
    while pending:
        for pid in children.get(pending.pop(), []):
            found.append(pid)
            pending.append(pid)
    return found


def _processes():
    """Pairs of process and parent, zombies left out: from /proc where there is one, else from `ps`."""
    if os.path.isdir("/proc/self"):
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The command, in parentheses, may itself hold spaces and parentheses.
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] != b"Z":
                yield int(name), int(fields[1])
        return
    import subprocess

    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid=,stat="], stdout=subprocess.PIPE) as lister:
        lines = lister.stdout.read().splitlines()
    for line in lines:
        pid, parent, state = line.split()[:3]
        if int(pid) != lister.pid and not state.startswith(b"Z"):
            yield int(pid), int(parent)
