"""Progress of an import on a terminal: one line that is written again and again."""

from collections.abc import Callable
from time import monotonic
from typing import Final, TextIO

from latchkey.imports.file_import import Summary

_EVERY_SECONDS: Final = 0.5


def progress_on(stream: TextIO) -> Callable[[Summary], None]:
    """Return a function that shows the progress on `stream` if that is a terminal, and does nothing otherwise."""
    if not stream.isatty():
        return lambda _summary: None
    started = monotonic()
    shown_at = started

    def show(summary: Summary) -> None:
        nonlocal shown_at
        now = monotonic()
        if now - shown_at >= _EVERY_SECONDS:
            shown_at = now
            rate = summary.read / (now - started)
            stream.write(f"\r\x1b[K{summary.read:,} rows, {rate:,.0f} a second, {summary.failed:,} with errors")
            stream.flush()

    return show


def end_progress(stream: TextIO) -> None:
    """Clear the line that `progress_on` wrote."""
    if stream.isatty():
        stream.write("\r\x1b[K")
        stream.flush()
