"""Results on standard output: JSON in the API's shapes, or a table."""

import errno
import json
import os
import sys
from collections.abc import Sequence
from typing import Final

from latchkey.cli.table import Row, format_fields, format_table


def print_rows(result: object, *, as_json: bool, rows: Sequence[Row]) -> None:
    """Show several things: `result` as JSON, or `rows` as a table."""
    write_line(json.dumps(result, indent=2, ensure_ascii=False) if as_json else format_table(rows))


def print_object(result: Row, *, as_json: bool) -> None:
    """Show one thing, as JSON or as a line for each field."""
    write_line(json.dumps(result, indent=2, ensure_ascii=False) if as_json else format_fields(result))


_STDOUT_ERRORS: Final = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG)


def is_stdout_error(error: OSError) -> bool:
    """Return whether the error is from standard output, not from a file that was named."""
    return error.filename is None and error.errno in _STDOUT_ERRORS


class ReaderClosed(Exception):
    """The program that reads standard output has closed it."""


class OutputError(Exception):
    """Standard output can't be written; the message says why."""


def write_line(text: str) -> None:
    """Write `text` and flush it. Raises ReaderClosed or OutputError."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderClosed from None
    except OSError as error:
        raise OutputError(error.strerror) from None


def discard_stdout() -> None:
    """Replace standard output with /dev/null. Its reader gets end-of-file, even if the command continues."""
    # Text left in the buffer would fail again at the end of the process.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
