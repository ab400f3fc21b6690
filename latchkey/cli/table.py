"""Rows as a table: as wide as the terminal, or as wide as needed without one."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Final

from latchkey.cli.printable import printable

_UNLIMITED_WIDTH: Final = 100_000
_UNFOLDED_COLUMNS: Final = ("key_id", "id", "at", "type", "state", "start", "last used")
"""Columns that are never folded, because people copy their values."""

Row = Mapping[str, object]


def format_table(rows: Sequence[Row]) -> str:
    """Return columns under their names, or `(none)` without a row.

    On a terminal, long texts are folded within their column.
    """
    if not rows:
        return "(none)"
    return _render(list(rows[0]), [[format_cell(value) for value in row.values()] for row in rows], heading=True)


def format_fields(row: Row) -> str:
    """Return one object, with a line for each field."""
    return _render(["", ""], [[name, format_cell(value)] for name, value in row.items()], heading=False)


def format_cell(value: object) -> str:
    """Return a value as a table shows it."""
    if value is None or value in ([], {}, ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(element, str) for element in value):
        return printable(" ".join(value))
    return printable(json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value))


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
