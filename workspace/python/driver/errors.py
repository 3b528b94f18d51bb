"""Turns an exception of a notebook into what people see: its name, its message, and where in the notebook it arose."""

import os

from .scala import ScalaError

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


def describe(error):
    """`{"name", "message", "trace"}`; the trace begins at the notebook's own code."""
    import traceback

    if isinstance(error, ScalaError):
        return {"name": error.name, "message": str(error), "trace": error.trace}
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    name = type(error).__name__
    try:
        message = str(error)
    except Exception as failure:
        message = f"(its message cannot be shown: {type(failure).__name__})"
    if isinstance(error, SystemExit):
        message = f"{message or 0} (end a notebook with dbutils.notebook.exit(value) instead)"
    if isinstance(error, SyntaxError) and not trace:
        lines = traceback.format_exception_only(type(error), error)
        message = f"{error.msg} ({error.filename}, line {error.lineno})"
    else:
        lines = traceback.format_exception(type(error), error, trace)
    return {"name": name, "message": message, "trace": "".join(lines)}
