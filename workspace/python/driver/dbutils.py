"""`dbutils`: what notebooks ask of their workspace."""

import binascii
import contextlib

from .channel import CallError
from .context import EntryPoint
from .files import FileUtils


class NotebookExit(BaseException):
    """Raised by `dbutils.notebook.exit`; no `except Exception` of the notebook stops it."""

    def __init__(self, value):
        super().__init__(value)
        self.value = value


class NotebookExecutionError(Exception):
    """A notebook started by `dbutils.notebook.run` failed, timed out or could not be started."""


class IllegalArgumentException(Exception):
    """Named as the JVM's exception that Databricks raises for a missing secret or a wrong argument."""


class InputWidgetNotDefined(Exception):
    """A widget was read that has neither a definition nor a parameter."""


class DbUtils:
    def __init__(self, session):
        self.widgets = Widgets(session.spec["parameters"])
        self.secrets = Secrets(session.channel)
        self.notebook = Notebook(session)
        self.fs = FileUtils(session)
        self.jobs = Jobs(session)
        self.library = Library()
        self.entry_point = self.notebook.entry_point


class Widgets:
    """Values come from the run's parameters first, then from the widgets' defaults."""

    def __init__(self, parameters):
        self._parameters = dict(parameters)
        self._defaults = {}

    def text(self, name, defaultValue, label=None):
        self._defaults[name] = str(defaultValue)

    def dropdown(self, name, defaultValue, choices, label=None):
        choices = [str(choice) for choice in choices]
        if str(defaultValue) not in choices:
            raise IllegalArgumentException(
                f"The default {defaultValue!r} of the dropdown {name} is not among {choices}."
            )
        self._defaults[name] = str(defaultValue)

    def combobox(self, name, defaultValue, choices, label=None):
        self._defaults[name] = str(defaultValue)

    def multiselect(self, name, defaultValue, choices, label=None):
        self._defaults[name] = str(defaultValue)

    def get(self, name):
        if name in self._parameters:
            return self._parameters[name]
        if name in self._defaults:
            return self._defaults[name]
        raise InputWidgetNotDefined(
            f"No input widget named {name} is defined, and the run has no parameter of that name."
        )

    def getAll(self):
        return {**self._defaults, **self._parameters}

    def getArgument(self, name, defaultValue=None):
        if name in self._parameters or name in self._defaults or defaultValue is None:
            return self.get(name)
        return defaultValue

    def remove(self, name):
        self._defaults.pop(name, None)

    def removeAll(self):
        self._defaults.clear()

    @contextlib.contextmanager
    def overridden(self, arguments):
        """Other values for as long as a `%run` with arguments lasts."""
        before = self._parameters
        self._parameters = {**before, **arguments}
        try:
            yield
        finally:
            self._parameters = before


class Secrets:
    """The server answers only what the run's identity may read, and hides each value in all output of the run."""

    def __init__(self, channel):
        self._channel = channel

    def get(self, scope, key):
        return self.getBytes(scope, key).decode("utf-8")

    def getBytes(self, scope, key):
        try:
            answer = self._channel.call("secret", scope=str(scope), key=str(key))
        except CallError as error:
            raise IllegalArgumentException(f"{error}") from None
        return binascii.a2b_base64(answer["value"])

    def list(self, scope):
        try:
            keys = self._channel.call("secrets", scope=str(scope))["keys"]
        except CallError as error:
            raise IllegalArgumentException(f"{error}") from None
        return [SecretMetadata(key) for key in keys]

    def listScopes(self):
        return [SecretScope(name) for name in self._channel.call("scopes")["names"]]


class SecretMetadata:
    def __init__(self, key):
        self.key = key

    def __repr__(self):
        return f"SecretMetadata(key={self.key!r})"


class SecretScope:
    def __init__(self, name):
        self.name = name

    def getName(self):
        return self.name

    def __repr__(self):
        return f"SecretScope(name={self.name!r})"


class Notebook:
    def __init__(self, session):
        self._session = session
        self.entry_point = EntryPoint(session)

    def exit(self, value=""):
        raise NotebookExit(str(value))

    def run(self, path, timeout_seconds=0, arguments=None):
        """Another notebook as a run of its own; returns its exit value. `timeout_seconds` 0 is no limit."""
        values = {str(key): str(value) for key, value in dict(arguments or {}).items()}
        target = self._session.paths.resolve(self._session.path, path)
        try:
            answer = self._session.channel.call(
                "run", path=target, timeout_seconds=int(timeout_seconds), arguments=values
            )
        except CallError as error:
            raise NotebookExecutionError(f"{error.code}: {error}") from None
        return answer["exit_value"]


class Jobs:
    def __init__(self, session):
        self.taskValues = TaskValues(session.channel)


class TaskValues:
    """Values that tasks of one run hand on to later ones; anything that JSON can hold."""

    def __init__(self, channel):
        self._channel = channel

    def set(self, key, value):
        self._channel.call("set_task_value", key=key, value=value)

    def get(self, taskKey, key, default=None, debugValue=None):
        answer = self._channel.call("task_value", task_key=taskKey, key=key)
        if "value" in answer:
            return answer["value"]
        if default is None:
            raise ValueError(f"Task {taskKey} has set no value {key}, and no default was given.")
        return default


class Library:
    def restartPython(self):
        """Nothing to do: `%pip` makes its packages importable at once."""
