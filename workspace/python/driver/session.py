"""A notebook's session: its variables, its cells one after the other, and what became of them."""

import sys
import time
import types

from . import languages
from .dbutils import DbUtils, NotebookExit
from .display import Display
from .errors import describe
from .paths import Paths
from .source import parse
from .spark import install_lazily


class Session:
    """Runs the notebook of a specification. `path` is the notebook at work, also within `%run`."""

    def __init__(self, spec, channel, budget):
        self.spec = spec
        self.channel = channel
        self.paths = Paths(spec, channel)
        self.path = spec["notebook"]["path"]
        self.label = None
        self.display = Display(channel, budget)
        self.dbutils = DbUtils(self)
        self._module = types.ModuleType("__main__")
        self.names = self._module.__dict__
        self._executions = 0
        self._ran = 0

    def run(self):
        """The event that ends the run: its result, exit value or error."""
        sys.modules["__main__"] = self._module
        # As IPython does: without it PySpark takes a main module that has no file for a doctest.
        sys.ps1 = "In : "
        self._provide_names()
        self.paths.install()
        notebook = self.spec["notebook"]
        try:
            self._run_cells(parse(notebook["source"], notebook["language"]))
            return {"type": "end", "result": "success", "exit_value": None}
        except NotebookExit as end:
            return {"type": "end", "result": "success", "exit_value": end.value}
        except BaseException as error:
            return {"type": "end", "result": "failed", "error": describe(error)}

    def _provide_names(self):
        self.names.update(
            dbutils=self.dbutils,
            display=self.display,
            displayHTML=self.display.html,
            getArgument=self.dbutils.widgets.getArgument,
            sql=lambda text, *args, **kwargs: self.names["spark"].sql(text, *args, **kwargs),
            __notebook_magic__=self.line_magic,
        )
        install_lazily(self._module, self.spec, self.channel)

    def _run_cells(self, cells):
        for cell in cells:
            self._ran += 1
            started = time.perf_counter()
            self.channel.emit(
                {
                    "type": "cell",
                    "notebook": self.path,
                    "number": cell.number,
                    "language": cell.language,
                    "title": cell.title,
                    "source": cell.source,
                }
            )
            state = "failed"
            try:
                self.execute(cell)
                state = "success"
            except NotebookExit:
                state = "exit"
                raise
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                seconds = round(time.perf_counter() - started, 6)
                self.channel.emit({"type": "cell_end", "state": state, "seconds": seconds})

    def execute(self, cell):
        """Runs one cell in its language."""
        executor = languages.EXECUTORS.get(cell.language)
        if executor is None:
            raise languages.UnsupportedMagic(
                f"Cell {cell.number} of {self.path}: there is no language called {cell.language}."
            )
        executor(self, cell)

    def next_execution(self):
        self._executions += 1
        return self._executions

    def line_magic(self, text):
        """A line such as `%pip install x` within a Python cell."""
        languages.run_line(self, text)

    def run_inline(self, reference, arguments):
        """`%run`: another notebook's cells with this session's names; `arguments` are its widgets for that time."""
        notebook = self.channel.call("notebook", path=self.paths.resolve(self.path, reference))
        before = self.path
        self.path = notebook["path"]
        try:
            with self.dbutils.widgets.overridden(arguments):
                self._run_cells(parse(notebook["source"], notebook["language"]))
        finally:
            self.path = before
