"""The notebook's `spark`: connects when it is first used, because that takes most of a second."""

import importlib
import os
import sys

_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class LazySession:
    """Stands in for the session until it is used; `isinstance` and attributes behave as the session's."""

    def __init__(self, module, spec, channel):
        object.__setattr__(self, "_connect_once", _Connector(module, spec, channel))

    def __getattr__(self, name):
        return getattr(self._connect_once(), name)

    def __setattr__(self, name, value):
        setattr(self._connect_once(), name, value)

    @property
    def __class__(self):
        return type(self._connect_once())

    def __repr__(self):
        return repr(self._connect_once())


class _Connector:
    def __init__(self, module, spec, channel):
        self._module = module
        self._spec = spec
        self._channel = channel
        self._session = None

    def __call__(self):
        if self._session is None:
            engine = self._channel.call("spark")
            connect = _localspark().connect
            self._session = connect(
                engine["remote"], engine["warehouse"], f"notebook-run-{self._spec['run_id']}"
            )
            if isinstance(self._module.__dict__.get("spark"), LazySession):
                self._module.spark = self._session
        return self._session


def _localspark():
    """The package beside this one; its folder is on the path for the import only, to hide nothing of the notebook's."""
    sys.path.append(_PACKAGES)
    try:
        return importlib.import_module("localspark")
    finally:
        sys.path.remove(_PACKAGES)


def install_lazily(module, spec, channel):
    module.spark = LazySession(module, spec, channel)
