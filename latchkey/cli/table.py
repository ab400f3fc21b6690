"""Rows as a table: as wide as the terminal, or as wide as needed without one."""

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Final

from latchkey.cli.printable import printable
from latchkey.relative_time import format_relative_time
from latchkey.timestamps import parse_rfc3339

_UNLIMITED_WIDTH: Final = 100_000
_UNFOLDED_COLUMNS: Final = (
    "key_id",
    "id",
    "at",
    "type",
    "state",
    "start",
    "last used",
    "expires",
    "name",
    "slug",
    "bar",
)
"""Columns that are never folded, because people copy their values."""
_TIMES: Final = re.compile(r"at|since|.*_at|last used|expires|ends|resets")
"""Columns whose times are shown by their distance from now."""

Row = Mapping[str, object]


def format_table(rows: Sequence[Row]) -> str:
    """Return columns under their names, or `(none)` without a row.

    On a terminal, long texts are folded within their column.
    """
    if not rows:
        return "(none)"
    now = datetime.now(UTC)
    cells = [[_relative(name, value, now) or format_cell(value) for name, value in row.items()] for row in rows]
    return _render(list(rows[0]), cells, heading=True)


def format_fields(row: Row) -> str:
    """Return one object, with a line for each field. A time is followed by its distance from now."""
    now = datetime.now(UTC)
    lines = []
    for name, value in row.items():
        relative = _relative(name, value, now)
        lines.append([name, f"{format_cell(value)} ({relative})" if relative else format_cell(value)])
    return _render(["", ""], lines, heading=False)


def format_cell(value: object) -> str:
    """Return a value as a table shows it."""
    if value is None or value in ([], {}, ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(format_plain(value))


def format_plain(value: object) -> str:
    """Return a value as text: a list of texts with spaces in between, other lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(element, str) for element in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict, bool)) else str(value)


def _relative(name: str, value: object, now: datetime) -> str:
    """Return the distance of a time from now, or an empty string for any other value."""
    if not (isinstance(value, str) and _TIMES.fullmatch(name)):
        return ""
    try:
        return format_relative_time(parse_rfc3339(value), now)
    except ValueError:
        return ""


def _render(names: Sequence[str], cells: Sequence[Sequence[str]], *, heading: bool) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    grid = Table(
        box=None, pad_edge=False, show_header=heading, header_style="" if os.environ.get("NO_COLOR") else "bold"
    )
    for position, name in enumerate(names):
        unfolded = name in _UNFOLDED_COLUMNS or (not heading and position == 0)
        grid.add_column(Text(name.upper()), no_wrap=unfolded, overflow="ignore" if unfolded else "fold")
    for line in cells:
        grid.add_row(*(Text(text) for text in line))
    width = shutil.get_terminal_size().columns if terminal else _UNLIMITED_WIDTH
    console = Console(file=StringIO(), width=width, force_terminal=terminal, highlight=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
