"""What `print` writes into while a notebook runs: text goes to the server in portions, line by line at first."""

import io
import os
import sys
import threading
import time

_QUIET = 0.02  # seconds between portions; what is printed faster is sent together
_PORTION = 16_384  # characters


class Stream(io.TextIOBase):
    """A replacement of `sys.stdout` or `sys.stderr`. Sends nothing after `limit` characters but a note that it was cut."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name, channel, budget):
        self._name = name
        self._channel = channel
        self._budget = budget
        self._parts = []
        self._size = 0
        self._sent = 0.0
        self._lock = threading.RLock()
        self._flusher = None
        self.buffer = _Bytes(self)

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return 1 if self._name == "stdout" else 2

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self._channel.is_ours:
            os.write(self.fileno(), text.encode("utf-8", "replace"))
            return len(text)
        with self._lock:
            self._parts.append(text)
            self._size += len(text)
            if self._size >= _PORTION or ("\n" in text and time.monotonic() - self._sent > _QUIET):
                self._send()
            elif self._flusher is None:
                self._flusher = threading.Thread(target=self._flush_regularly, daemon=True)
                self._flusher.start()
        return len(text)

    def flush(self):
        if self._channel.is_ours:
            with self._lock:
                self._send()

    def _send(self):
        text = "".join(self._parts)
        self._parts = []
        self._size = 0
        self._sent = time.monotonic()
        if text:
            self._budget.emit(self._channel, self._name, text)

    def _flush_regularly(self):
        # A line that was printed just before a long computation must not wait for its end.
        while True:
            time.sleep(0.1)
            if self._size:
                self.flush()


_PROCESS_EVENTS = {
    "subprocess.Popen",
    "os.system",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
    "os.exec",
    "pty.spawn",
}


def flush_before_children(*streams):
    """Sends what was printed before a child process starts, whose own output takes another way."""

    def hook(event, _arguments):
        if event in _PROCESS_EVENTS:
            for stream in streams:
                stream.flush()

    sys.addaudithook(hook)


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`, for code that writes bytes."""

    def __init__(self, stream):
        self._stream = stream

    def writable(self):
        return True

    def write(self, data):
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


class Budget:
    """How much output a run may still send, in characters; says so once where it is used up."""

    def __init__(self, limit):
        self._limit = limit
        self._left = limit

    def emit(self, channel, stream, text, html=None):
        if self._left <= 0:
            return
        self._left -= len(text) + len(html or "")
        if self._left <= 0:
            channel.emit({"type": "output", "stream": stream, "text": text[: max(0, len(text) + self._left)]})
            note = f"\n[Output cut: a run keeps {self._limit:,} characters of output.]\n"
            channel.emit({"type": "output", "stream": "stderr", "text": note})
            return
        event = {"type": "output", "stream": stream, "text": text}
        if html is not None:
            event["html"] = html
        channel.emit(event)
