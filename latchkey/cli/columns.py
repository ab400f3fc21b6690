"""Columns of a result by name: those of its table, and every field of its JSON."""

from collections.abc import Mapping, Sequence
from typing import Final

from latchkey.cli.errors import CLIError
from latchkey.cli.table import Row

_ABSENT: Final = object()


def value_of(name: str, row: Row, document: Row) -> object:
    """Return the value of a column: that of the table with this name, or that of a field, as in `rate_limit.burst`.

    Raises KeyError.
    """
    for candidate in (name, name.replace("_", " ")):
        if candidate in row:
            return row[candidate]
    value: object = document
    for part in name.split("."):
        if value is None:
            # An unlimited key has no burst.
            return None
        value = value.get(part, _ABSENT) if isinstance(value, Mapping) else _ABSENT
        if value is _ABSENT:
            raise KeyError(name)
    return value


def chosen(names: Sequence[str], rows: Sequence[Row], documents: Sequence[Row]) -> list[dict[str, object]]:
    """Return the rows with these columns, or as they are without a name. Raises CLIError for an unknown name."""
    if not names:
        return [dict(row) for row in rows]
    pairs = list(zip(rows, documents, strict=True))
    _check(names, pairs)
    return [{name: value_of(name, row, document) for name in names} for row, document in pairs]


def sorted_by(name: str, rows: Sequence[Row], documents: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return both in the order of a column; with a hyphen in front of its name, in descending order.

    Missing values are last. Raises CLIError for an unknown name.
    """
    column = name.removeprefix("-")
    pairs = list(zip(rows, documents, strict=True))
    _check([column], pairs)
    values = [(_from_document(column, *pair), pair) for pair in pairs]
    present = [found for found in values if found[0] not in (None, "")]
    present.sort(key=lambda found: _order(found[0]), reverse=name.startswith("-"))
    ordered = [pair for _, pair in present] + [pair for value, pair in values if value in (None, "")]
    return [row for row, _ in ordered], [document for _, document in ordered]


def _from_document(name: str, row: Row, document: Row) -> object:
    """Return the value of the field, which sorts better than what the table shows, or that of the column."""
    try:
        return value_of(name.replace(" ", "_"), {}, document)
    except KeyError:
        return value_of(name, row, document)


def _order(value: object) -> tuple[int, float, str]:
    """Return a key that compares numbers as numbers, and everything else as text without case."""
    if isinstance(value, (int, float)):
        return (0, float(value), "")
    return (1, 0.0, str(value).casefold())


def _check(names: Sequence[str], pairs: Sequence[tuple[Row, Row]]) -> None:
    for name in names:
        for row, document in pairs:
            try:
                value_of(name, row, document)
            except KeyError:
                known = dict.fromkeys([*(column.replace(" ", "_") for column in row), *document])
                raise CLIError(
                    "No such column", "A name in --columns or --sort is unknown.", f"Use one of: {', '.join(known)}."
                ) from None
