"""
What runs a cell, by its language: `EXECUTORS` maps a language or cell magic to a function of session and cell. A further
language registers itself here, as Scala does.
"""

import ast
import linecache
import os
import re
import sys

from . import pip
from .scala import run_scala
from .source import split_sql, sql_parameters


class UnsupportedMagic(Exception):
    """The notebook asks for something that the local workspace does not have."""


class ShellError(Exception):
    """A `%sh` or `!` command ended with a status other than 0."""


def run_python(session, cell):
    """Runs the statements; the value of a last expression is shown, as `Out[n]`."""
    filename = f"{session.path} (cell {cell.number})"
    source = cell.source + "\n"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    try:
        tree = ast.parse(source, filename)
    except SyntaxError as error:
        raise error.with_traceback(None) from None
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not _is_magic(tree.body[-1]):
        last = ast.Expression(tree.body.pop().value)
    number = session.next_execution()
    _execute(compile(tree, filename, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), session.names)
    if last is not None and not source.rstrip().endswith(";"):
        value = _execute(compile(last, filename, "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), session.names)
        if value is not None:
            session.names["_"] = value
            session.display.result(number, value)
    elif last is not None:
        _execute(compile(last, filename, "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), session.names)


def _is_magic(statement):
    call = statement.value
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "__notebook_magic__"
    )


def _execute(code, names):
    value = eval(code, names)
    if code.co_flags & 0x80:  # inspect.CO_COROUTINE: the cell awaits something
        import asyncio

        return asyncio.run(value)
    return value


def run_sql(session, cell):
    """Runs the statements on Spark with the widgets as `:parameters`; the last result is shown and kept as `_sqldf`."""
    result = None
    for statement in split_sql(cell.source):
        values = {}
        for name in sorted(sql_parameters(statement)):
            values[name] = session.dbutils.widgets.get(name)
        spark = session.names["spark"]
        result = spark.sql(statement, args=values) if values else spark.sql(statement)
    if result is not None:
        session.names["_sqldf"] = result
        if result.columns:
            session.display(result)


def _words(text):
    import shlex  # imported where it is needed: a run that does without starts sooner

    return shlex.split(text)


def run_markdown(session, cell):
    """Documentation: nothing runs; the export shows the text."""


def run_inline(session, cell):
    """`%run ./other $name="value"`."""
    words = _words(" ".join(cell.source.split("\n")))
    if not words:
        raise UnsupportedMagic(
            f"%run in cell {cell.number} of {session.path} names no notebook: %run ./other"
        )
    arguments = {}
    for word in words[1:]:
        match = re.match(r"\$(\w+)=(.*)$", word, re.S)
        if not match:
            raise UnsupportedMagic(f'%run {words[0]}: {word!r} is no argument; write $name="value".')
        arguments[match[1]] = match[2]
    session.run_inline(words[0], arguments)


def run_shell(session, cell):
    """`%sh`: a script for bash (or sh), in the notebook's folder. With `-e` its first failing command fails the cell."""
    text = cell.source
    strict = re.match(r"-e\b", text)
    # The driver's PATH begins with the notebook's Python, so that `pip` and `python` are the right ones.
    status = _shell(text[2:] if strict else text, ["-e"] if strict else [])
    if status != 0 and strict:
        raise ShellError(f"The script ended with status {status}.")


def _shell(script, options=()):
    import shutil
    import subprocess

    sys.stdout.flush()
    shell = shutil.which("bash") or "/bin/sh"
    with subprocess.Popen(
        [shell, *options, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    ) as process:
        for chunk in iter(lambda: process.stdout.read1(65_536), b""):
            sys.stdout.write(chunk.decode("utf-8", "replace"))
    return process.returncode


def run_files(session, cell):
    """`%fs ls /path`: the command of `dbutils.fs` with its words as arguments."""
    words = _words(cell.source)
    command = getattr(session.dbutils.fs, words[0], None) if words and not words[0].startswith("_") else None
    if command is None:
        raise UnsupportedMagic(f"%fs {words[0] if words else ''}: no such command of dbutils.fs.")
    result = command(*words[1:])
    if result is not None:
        session.display.result(session.next_execution(), result)


def refuse_r(session, cell):
    raise UnsupportedMagic(
        f"Cell {cell.number} of {session.path} is in R. The local workspace runs Python, SQL and Scala; run it on Databricks."
    )


EXECUTORS = {
    "python": run_python,
    "sql": run_sql,
    "md": run_markdown,
    "md-sandbox": run_markdown,
    "run": run_inline,
    "sh": run_shell,
    "fs": run_files,
    "scala": run_scala,
    "r": refuse_r,
}

#: Line magics that tune an interactive session; a run has nothing to do for them.
_QUIET = {"restart_python", "load_ext", "autoreload", "matplotlib", "config", "reload_ext"}


def run_line(session, text):
    """A line magic, `%name …`, or a shell command, `!…`."""
    if text.startswith("!"):
        _shell(text[1:])
        return
    name, _, rest = text[1:].partition(" ")
    if name == "pip":
        pip.run(session, _words(rest))
    elif name == "sh":
        _shell(rest)
    elif name == "cd":
        os.chdir(os.path.expanduser(rest.strip()))
    elif name not in _QUIET:
        raise UnsupportedMagic(f"%{name} is not available in the local workspace.")
