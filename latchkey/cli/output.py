"""Results on standard output: JSON in the API's shapes, or a table."""

import json
import os
import sys
from collections.abc import Sequence

from latchkey.cli.table import Row, fields, table


def show(result: object, *, as_json: bool, rows: Sequence[Row]) -> None:
    """Several things: `result` as JSON, or `rows` as a table."""
    write(json.dumps(result, indent=2, ensure_ascii=False) if as_json else table(rows))


def show_one(result: Row, *, as_json: bool) -> None:
    """One thing: as JSON, or a line for each member."""
    write(json.dumps(result, indent=2, ensure_ascii=False) if as_json else fields(result))


class ReaderLeft(Exception):
    """Whoever reads standard output has read enough."""


class Unwritable(Exception):
    """Standard output takes nothing; the message says why."""


def write(text: str) -> None:
    """Writes it, and waits until it is written. Raises ReaderLeft or Unwritable."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderLeft from None
    except OSError as error:
        raise Unwritable(error.strerror) from None


def abandon() -> None:
    """Gives standard output up: what is still in its buffer would fail again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
