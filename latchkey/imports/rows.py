"""Rows of a file of keys: CSV with a header, or JSON Lines, each with the number of its line or with its error."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from latchkey.imports.lines import TOO_LONG, is_utf8, read_lines
from latchkey.imports.options import CSV
from latchkey.strict_json import MalformedJSON, loads

_NOT_UTF8: Final = "The line is not UTF-8."
_LONG: Final = "The line has more than 64 KiB."


class FileError(ValueError):
    """The file as a whole can't be read. The message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with the number of the line on which it begins: its columns, or what is wrong with it."""

    line: int
    columns: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


def read_rows(file: BinaryIO, kind: str) -> Iterator[Row]:
    """Yield the rows of a file of this kind (see `kind_of`). Raise FileError for a CSV file without a usable header."""
    lines = read_lines(file)
    return _csv_rows(lines) if kind == CSV else _json_rows(lines)


def _csv_rows(lines: Iterator[str]) -> Iterator[Row]:
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise FileError(f"The header isn't CSV: {error}.") from None
    if not header or not all(map(is_utf8, header)) or len(set(header)) != len(header):
        raise FileError("The first line must be a CSV header, in UTF-8, that names each column once.")
    header = [name.strip() for name in header]
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(line, error=f"The line isn't CSV: {error}.")
            continue
        if cells is None:
            return
        # A blank line has no cells.
        if cells:
            yield _csv_row(line, header, cells)


def _csv_row(line: int, header: list[str], cells: list[str]) -> Row:
    if any(TOO_LONG in cell for cell in cells):
        return Row(line, error=_LONG)
    if not all(map(is_utf8, cells)):
        return Row(line, error=_NOT_UTF8)
    if len(cells) != len(header):
        return Row(line, error=f"The line has {len(cells)} columns, but the header has {len(header)}.")
    return Row(line, dict(zip(header, cells, strict=True)))


def _json_rows(lines: Iterator[str]) -> Iterator[Row]:
    for number, text in enumerate(lines, start=1):
        if text.startswith(TOO_LONG):
            yield Row(number, error=_LONG)
        elif not is_utf8(text):
            yield Row(number, error=_NOT_UTF8)
        elif text.strip():
            yield _json_row(number, text)


def _json_row(line: int, text: str) -> Row:
    try:
        value = loads(text)
    except MalformedJSON as error:
        return Row(line, error=str(error))
    if not isinstance(value, dict):
        return Row(line, error="The line must be a JSON object.")
    return Row(line, _flattened(value))


def _flattened(value: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a row. Those of `manage.py dumpdata --format jsonl` are within `fields`."""
    fields = value.get("fields")
    if value.keys() == {"model", "pk", "fields"} and isinstance(fields, dict):
        return {"id": value["pk"], "pk": value["pk"], **fields}
    return value


def json_text(value: object) -> str:
    """Return JSON without white space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
