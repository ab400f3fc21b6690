"""Results on standard output: JSON in the API's shapes, or a table."""

import errno
import json
import os
import sys
from collections.abc import Sequence
from typing import Final

from latchkey.cli.table import Row, fields, table


def show(result: object, *, as_json: bool, rows: Sequence[Row]) -> None:
    """Several things: `result` as JSON, or `rows` as a table."""
    write(json.dumps(result, indent=2, ensure_ascii=False) if as_json else table(rows))


def show_one(result: Row, *, as_json: bool) -> None:
    """One thing: as JSON, or a line for each member."""
    write(json.dumps(result, indent=2, ensure_ascii=False) if as_json else fields(result))


_UNWRITABLE: Final = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG)


def of_output(error: OSError) -> bool:
    """Whether the error is that of a standard output that takes nothing, and not that of a file that was named."""
    return error.filename is None and error.errno in _UNWRITABLE


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
    """Gives standard output up: what is still in its buffer would fail again at the end of the process. A reader of the
    other end gets end-of-file, even if the command goes on.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
