"""Results on standard output: JSON in the API's shapes, a table, or what `View` says."""

import errno
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from latchkey.cli.columns import chosen, sorted_by
from latchkey.cli.printable import printable
from latchkey.cli.table import Row, format_fields, format_plain, format_table
from latchkey.cli.view import Format, View
from latchkey.csv_text import csv_text, harmless


def print_rows(result: object, view: View, *, rows: Sequence[Row], items: str = "items") -> None:
    """Show several things: `result` as a document, or `rows` as a table.

    `result` is a list, or an object that has the list in its field `items`. Each row is about the element at its
    position, and begins with that element's name. Raises CLIError.
    """
    documents: Sequence[Row] = result[items] if isinstance(result, Mapping) else result  # type: ignore[assignment]
    if view.sort and rows:
        rows, documents = sorted_by(view.sort, rows, documents)
        result = {**result, items: documents} if isinstance(result, Mapping) else documents
    if view.format is Format.NAME:
        write_lines(str(next(iter(row.values()))) for row in rows)
    elif view.is_table:
        write_line(format_table(chosen(view.columns, rows, documents)))
    elif view.format is Format.CSV:
        _write_csv(chosen(view.columns, rows, documents))
    else:
        write_document(result, view)


def print_object(document: Row, view: View, *, lines: Row | None = None) -> None:
    """Show one thing: `document`, or its fields as lines, for which `lines` may have other texts. Raises CLIError."""
    shown = document if lines is None else lines
    if view.format is Format.NAME:
        write_lines([str(next(iter(document.values())))])
    elif view.is_table:
        (fields,) = chosen(view.columns, [shown], [document])
        write_line(format_fields(fields))
    elif view.format is Format.CSV:
        _write_csv(chosen(view.columns, [document], [document]))
    else:
        write_document(document, view)


def print_change(document: Row, view: View, confirmation: str) -> None:
    """Confirm a change in one sentence for a person, and otherwise show what was changed."""
    if view.is_table and not view.columns:
        write_line(printable(confirmation))
    else:
        print_object(document, view)


def write_document(document: object, view: View) -> None:
    """Write a document as YAML, or as JSON, filtered if the view says so. Raises CLIError."""
    if view.format is Format.YAML:
        from latchkey.cli.yaml_text import yaml_text

        write_line(yaml_text(document))
    elif view.jq:
        from latchkey.cli.jq import filtered

        # On a terminal, a text of the server must not control it.
        text = filtered(view.jq, document)
        write_lines(map(printable, text.splitlines()) if sys.stdout.isatty() else [text])
    else:
        write_line(json.dumps(document, indent=2, ensure_ascii=False))


def _write_csv(rows: Sequence[Row]) -> None:
    names = [name.replace(" ", "_") for name in rows[0]] if rows else []
    cells = [[harmless(printable(format_plain(value))) for value in row.values()] for row in rows]
    write_line(csv_text([names, *cells] if names else []).removesuffix("\r\n"))


_STDOUT_ERRORS: Final = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG)


def is_stdout_error(error: OSError) -> bool:
    """Return whether the error is from standard output, not from a file that was named."""
    return error.filename is None and error.errno in _STDOUT_ERRORS


class ReaderClosed(Exception):
    """The program that reads standard output has closed it."""


class OutputError(Exception):
    """Standard output can't be written; the message says why."""


def write_lines(lines: Iterable[str]) -> None:
    """Write each text on a line of its own, and nothing without one."""
    text = "\n".join(lines)
    if text:
        write_line(text)


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
