"""The wire to the server: events and questions go out as JSON lines on one descriptor, answers come in on another."""

import json
import os
import threading


class CallError(Exception):
    """The server refused or failed what was asked; `code` is Databricks' error code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Channel:
    """Safe to use from several threads. `events` is a descriptor, `answers` a binary file of lines."""

    def __init__(self, events, answers):
        self._events = events
        self._answers = answers
        self._writing = threading.Lock()
        self._waiting = {}
        self._last_id = 0
        self._reader = None
        self._owner = os.getpid()

    @property
    def is_ours(self):
        """False in a process that the notebook forked: it shares the descriptor, but must not write into it."""
        return os.getpid() == self._owner

    def emit(self, event):
        if not self.is_ours:
            return
        data = (json.dumps(event, separators=(",", ":")) + "\n").encode("ascii")
        with self._writing:
            view = memoryview(data)
            while view:
                view = view[os.write(self._events, view) :]

    def call(self, method, **arguments):
        """Asks the server and waits for its answer, however long that takes. Raises CallError."""
        if not self.is_ours:
            raise CallError(
                "INVALID_STATE", f"{method} is not available in a process forked by the notebook."
            )
        arrived = threading.Event()
        answer = {}
        with self._writing:
            self._last_id += 1
            number = self._last_id
            self._waiting[number] = (arrived, answer)
            if self._reader is None:
                self._reader = threading.Thread(target=self._read, name="answers", daemon=True)
                self._reader.start()
        self.emit({"type": "call", "id": number, "method": method, "arguments": arguments})
        arrived.wait()
        if "error" in answer:
            raise CallError(answer["error"]["code"], answer["error"]["message"])
        return answer["ok"]

    def _read(self):
        for line in self._answers:
            message = json.loads(line)
            waiting = self._waiting.pop(message["id"], None)
            if waiting:
                waiting[1].update(message)
                waiting[0].set()
