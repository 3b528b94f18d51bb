"""`display` and `displayHTML`: a value as text for the log, and as HTML for the export."""

import binascii
import io
import sys

_ROWS = 1000


class Display:
    """Called as `display(value)`."""

    def __init__(self, channel, budget):
        self._channel = channel
        self._budget = budget

    def __call__(self, *values, **_options):
        for value in values:
            text, html = render(value)
            self._emit(text + "\n", html)

    def html(self, html):
        """`displayHTML`."""
        self._emit("", str(html))

    def show(self, text, html):
        """What another language has rendered; html is None where the text says it all."""
        self._emit(text, html)

    def result(self, number, value):
        """The value of a cell's last expression."""
        text, html = render(value)
        self._emit(f"Out[{number}]: {text}\n", html)

    def _emit(self, text, html):
        sys.stdout.flush()
        sys.stderr.flush()
        self._budget.emit(self._channel, "display", text, html)


def render(value):
    """`(text, html)` of a value; html is None where the text says it all. Spark and pandas are not imported for it."""
    frame = getattr(value, "toPandas", None)
    if frame is not None and hasattr(value, "limit"):
        value = value.limit(_ROWS).toPandas()
    if hasattr(value, "to_string") and hasattr(value, "to_html"):
        return value.head(_ROWS).to_string(), value.head(_ROWS).to_html()
    if isinstance(value, (list, tuple)) and value and all(isinstance(row, dict) for row in value):
        return table(value), None
    if hasattr(value, "savefig"):
        buffer = io.BytesIO()
        value.savefig(buffer, format="png")
        image = binascii.b2a_base64(buffer.getvalue(), newline=False).decode("ascii")
        return repr(value), f'<img src="data:image/png;base64,{image}">'
    html = None
    if hasattr(value, "_repr_html_") and not isinstance(value, type):
        html = value._repr_html_()
    return repr(value), html


def table(rows):
    """Dictionaries as aligned columns."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns] + [[str(row.get(name, "")) for name in columns] for row in rows[:_ROWS]]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
