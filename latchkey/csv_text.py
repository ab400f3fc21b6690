"""Rows as CSV that a spreadsheet opens without running any of it."""

import csv
import re
from collections.abc import Iterable
from io import StringIO
from typing import Final

# A spreadsheet runs a cell that begins like this as a formula (OWASP, CSV injection). If the spreadsheet uses another
# separator than we do, also a cell that begins behind that one.
_FORMULA: Final = re.compile(r"(^|[;\t\r\n])([=+\-@])")


def harmless(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula."""
    return _FORMULA.sub(r"\1'\2", text)


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows of cells as CSV, every cell in quotes."""
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()
