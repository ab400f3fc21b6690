"""Results on standard output: JSON in the API's shapes, or a table."""

import errno
import json
import os
import sys
from collections.abc import Sequence
from typing import Final

from latchkey.cli.table import Row, fields, table


def show(result: object, *, as_json: bool, rows: Sequence[Row]) -> None:
    """Show several things: `result` as JSON, or `rows` as a table."""
    write(json.dumps(result, indent=2, ensure_ascii=False) if as_json else table(rows))


def show_one(result: Row, *, as_json: bool) -> None:
    """Show one thing, as JSON or as a line for each field."""
    write(json.dumps(result, indent=2, ensure_ascii=False) if as_json else fields(result))


_UNWRITABLE: Final = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG)


def of_output(error: OSError) -> bool:
    """Return whether the error is from standard output, not from a file that was named."""
    return error.filename is None and error.errno in _UNWRITABLE


class ReaderLeft(Exception):
    """The program that reads standard output has closed it."""


class Unwritable(Exception):
    """Standard output can't be written; the message says why."""


def write(text: str) -> None:
    """Write `text` and flush it. Raises ReaderLeft or Unwritable."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderLeft from None
    except OSError as error:
        raise Unwritable(error.strerror) from None


def abandon() -> None:
    """Replace standard output with /dev/null. Its reader gets end-of-file, even if the command continues."""
    # Text left in the buffer would fail again at the end of the process.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
