"""Table for people: a section as aligned text."""

from collections.abc import Sequence
from typing import Final

from benchmarks.condition import Condition, shown
from benchmarks.section import Section

_GREEN: Final = "\x1b[32m"
_RED: Final = "\x1b[31m"
_PLAIN: Final = "\x1b[0m"


def render(section: Section, *, colour: bool) -> str:
    """Return the section as text: its title, one line per series, and one line per condition."""
    ratios = section.ratios()
    rows: list[Sequence[str]] = [("", "median", "lowest", "highest", f"x {section.base}")]
    for series in section.series:
        figures = (series.median, min(series.rounds), max(series.rounds))
        rows.append((series.name, *map(figure, figures), f"{ratios[series.name]:.2f}"))
    verdicts = [_verdict(condition, colour=colour) for condition in section.conditions]
    return "\n".join([f"{section.title}, {section.unit}", *_aligned(rows), *verdicts])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines with aligned columns: names to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else f"  {cell:<{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def figure(value: float) -> str:
    """Return a measured value formatted for people."""
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.2f}"


def _verdict(condition: Condition, *, colour: bool) -> str:
    word = "holds" if condition.holds else "FAILS"
    if colour:
        word = f"{_GREEN if condition.holds else _RED}{word}{_PLAIN}"
    return f"  {word}  {condition.text}: {shown(condition.value)}, wanted {condition.relation} {condition.bound:g}"
