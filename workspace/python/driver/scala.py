"""
Scala cells: a JVM with the Scala compiler's interpreter, one for each notebook that has such cells, in the notebook's
process group. It is spoken to in frames of byte strings (see `workspace/scala/src/Wire.scala`); whatever it asks of
`dbutils` is done by the notebook's own `dbutils`, so that widgets and secrets are the same in every language.
"""

import binascii
import codecs
import os
import struct
import sys
import threading

from .dbutils import NotebookExit

#: Without the run's own variables: an interpreter that was started ahead could not have them either.
_ENVIRONMENT = dict(os.environ)


class ScalaError(Exception):
    """An exception of a Scala cell; shown with its own name and trace."""

    def __init__(self, name, message, trace):
        super().__init__(message)
        self.name = name
        self.trace = trace


class ScalaNotAvailable(Exception):
    """The machine lacks what Scala cells need."""


class Interpreter:
    """The JVM. `settings` are the server's: `java`, `options`, `classpath`, `folder` (its working folder)."""

    def __init__(self, settings):
        import subprocess  # imported where it is needed: a run that does without starts sooner

        commands, self._commands = os.pipe()
        self._events, events = os.pipe()
        os.makedirs(settings["folder"], mode=0o700, exist_ok=True)
        self._process = subprocess.Popen(
            [
                settings["java"],
                *settings["options"],
                "-cp",
                settings["classpath"],
                "localworkspace.Main",
                str(commands),
                str(events),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=(commands, events),
            cwd=settings["folder"],
            env=_ENVIRONMENT,
        )
        os.close(commands)
        os.close(events)
        self._frames = os.fdopen(self._events, "rb")
        self._sending = threading.Lock()
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")
        }
        self._begun = False

    def begin(self, spec):
        """Tells the run's context, once."""
        if self._begun:
            return
        self._begun = True
        names = ("host", "token", "user", "workspace_id", "run_id", "job_id", "parent_run_id", "task_key")
        values = [text for name in names for text in (name, spec[name])]
        self._send("begin", "\n".join(spec["jars"]), *values, "path", spec["notebook"]["path"])

    def run(self, session, label, source):
        """Runs a cell to its end. Raises what ended it, other than its success."""
        self._send("cell", label, source)
        while True:
            frame = self._receive()
            if frame is None:
                status = self._process.wait()
                raise ScalaError(
                    "ScalaProcessEnded",
                    f"The Scala interpreter ended unexpectedly (status {status}). The notebook may have called "
                    "sys.exit (dbutils.notebook.exit(value) ends it well), or the JVM has run out of memory.",
                    "",
                )
            kind, *parts = frame
            if kind == b"out":
                self._print(*parts)
            elif kind == b"display":
                text, html = (part.decode("utf-8", "replace") for part in parts)
                session.display.show(text, html or None)
            elif kind == b"call":
                self._call(session, [part.decode("utf-8", "replace") for part in parts])
            elif kind == b"done":
                return _finish([part.decode("utf-8", "replace") for part in parts])

    def _print(self, name, data):
        stream = name.decode("ascii")
        text = self._decoders[stream].decode(data)
        (sys.stdout if stream == "stdout" else sys.stderr).write(text)

    def _call(self, session, words):
        number, method, *arguments = words
        if method == "notebook.run":
            # Notebooks start others from several threads at once, and wait for all of them.
            threading.Thread(
                target=self._answer, args=(session, number, method, arguments), daemon=True
            ).start()
        else:
            self._answer(session, number, method, arguments)

    def _answer(self, session, number, method, arguments):
        try:
            values = _CALLS[method](session.dbutils, *arguments)
            self._send("answer", number, "ok", *values)
        except Exception as error:
            self._send("answer", number, "error", type(error).__name__, str(error))

    def _send(self, *parts):
        data = [part.encode("utf-8", "surrogatepass") for part in parts]
        frame = struct.pack(">i", len(data)) + b"".join(struct.pack(">i", len(each)) + each for each in data)
        with self._sending:
            view = memoryview(frame)
            try:
                while view:
                    view = view[os.write(self._commands, view) :]
            except BrokenPipeError:
                pass  # It has ended, which its missing answer tells.

    def _receive(self):
        count = self._number()
        if count is None:
            return None
        parts = []
        for _ in range(count):
            size = self._number()
            part = None if size is None else self._frames.read(size)
            if part is None or len(part) < size:
                return None
            parts.append(part)
        return parts

    def _number(self):
        data = self._frames.read(4)
        return struct.unpack(">i", data)[0] if len(data) == 4 else None


def _finish(parts):
    state, *details = parts
    if state == "exit":
        raise NotebookExit(details[0])
    if state == "failed":
        raise ScalaError(*details)


def _none(_result):
    return []


def _true(result):
    return ["true" if result else "false"]


def _exit_value(value):
    return [] if value is None else [value]


def _pairs(values):
    return dict(zip(values[::2], values[1::2], strict=True))


#: What a Scala cell may ask for: each takes `dbutils` and strings, and answers with strings.
_CALLS = {
    "widgets.get": lambda utils, name: [utils.widgets.get(name)],
    "widgets.getArgument": lambda utils, name, default: [utils.widgets.getArgument(name, default)],
    "widgets.getAll": lambda utils: [text for pair in utils.widgets.getAll().items() for text in pair],
    "widgets.text": lambda utils, name, default: _none(utils.widgets.text(name, default)),
    "widgets.dropdown": lambda utils, name, default, *choices: _none(
        utils.widgets.dropdown(name, default, choices)
    ),
    "widgets.remove": lambda utils, name: _none(utils.widgets.remove(name)),
    "widgets.removeAll": lambda utils: _none(utils.widgets.removeAll()),
    "secrets.get": lambda utils, scope, key: [
        binascii.b2a_base64(utils.secrets.getBytes(scope, key), newline=False).decode("ascii")
    ],
    "secrets.list": lambda utils, scope: [secret.key for secret in utils.secrets.list(scope)],
    "secrets.listScopes": lambda utils: [scope.name for scope in utils.secrets.listScopes()],
    "notebook.run": lambda utils, path, seconds, *arguments: _exit_value(
        utils.notebook.run(path, int(seconds), _pairs(arguments))
    ),
    "fs.ls": lambda utils, path: [str(field) for file in utils.fs.ls(path) for field in file],
    "fs.head": lambda utils, path, size: [utils.fs.head(path, int(size))],
    "fs.put": lambda utils, path, text, overwrite: _true(utils.fs.put(path, text, overwrite == "true")),
    "fs.mkdirs": lambda utils, path: _true(utils.fs.mkdirs(path)),
    "fs.cp": lambda utils, source, target, recurse: _true(utils.fs.cp(source, target, recurse == "true")),
    "fs.mv": lambda utils, source, target, recurse: _true(utils.fs.mv(source, target, recurse == "true")),
    "fs.rm": lambda utils, path, recurse: _true(utils.fs.rm(path, recurse == "true")),
}

_interpreter = None


def start(settings):
    """Starts the JVM, ahead of the first cell or for it. Raises ScalaNotAvailable with what is missing."""
    global _interpreter
    if "missing" in settings:
        raise ScalaNotAvailable(settings["missing"])
    if _interpreter is None:
        _interpreter = Interpreter(settings)
    return _interpreter


def run_scala(session, cell):
    """Runs the cell in the notebook's interpreter; the values that it defines are shown, as the compiler writes them."""
    interpreter = start(session.spec["scala"])
    interpreter.begin(session.spec)
    interpreter.run(session, f"cell {cell.number} of {session.path}", cell.source)
