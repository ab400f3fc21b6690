"""Limits and what is used of them: rows with bars, or sentences."""

from collections.abc import Mapping
from typing import Final

from latchkey.cli.table import Row
from latchkey.cli.view import View

_BAR_WIDTH: Final = 10


class Count(int):
    """A number that is shown with separators, and sorted as the number that it is."""

    def __str__(self) -> str:
        return f"{int(self):,}"


def limit_row(limit: Row, view: View) -> dict[str, object]:
    """Return the fields of a limit that a list shows: with a bar for people, and plain numbers for CSV."""
    numbers = {"used": limit.get("used"), "of": limit.get("limit"), "left": limit.get("remaining")}
    if view.is_table:
        numbers = {name: Count(value) if isinstance(value, int) else value for name, value in numbers.items()}
        numbers["bar"] = bar(limit)
    return {
        "name": limit.get("name"),
        "unit": limit.get("unit"),
        **numbers,
        "resets": limit.get("resets_at"),
        "shared": limit.get("shared"),
        "mode": limit.get("mode"),
    }


def bar(limit: Row) -> str:
    """Return the part that is used as a bar with its percentage, or an empty text if it isn't known."""
    used, of = limit.get("used"), limit.get("limit")
    if not isinstance(used, int) or not isinstance(of, int) or of <= 0:
        return ""
    # Rounded down, so that only a limit that is used up shows 100 %.
    filled = min(_BAR_WIDTH, used * _BAR_WIDTH // of)
    return f"{'#' * filled}{'.' * (_BAR_WIDTH - filled)} {used * 100 // of} %"


def limit_lines(holder: Row) -> dict[str, object]:
    """Return a line for each limit in the field `limits` of a key."""
    limits = holder.get("limits")
    found = [limit for limit in limits if isinstance(limit, Mapping)] if isinstance(limits, list) else []
    return {f"limit {limit.get('name')}": limit_use_text(limit) for limit in found}


def limit_use_text(limit: Row) -> str:
    """Return what is used of a limit, in words."""
    unit, of, resets = limit.get("unit"), limit.get("limit"), limit.get("resets_at")
    used = " of ".join(_number(value) for value in (limit.get("used"), of))
    ends = f", resets {resets}" if resets else ""
    notes = [", shared"] if limit.get("shared") == "owner" else []
    notes += [", only observed"] if limit.get("mode") == "observe" else []
    return f"{used} {unit} used, {_number(limit.get('remaining'))} left{ends}{''.join(notes)}"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "unknown"
