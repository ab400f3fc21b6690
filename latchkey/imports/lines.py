"""Lines of a file of keys: bounded in length, and decoded without losing the place of what isn't UTF-8."""

from collections.abc import Iterator
from typing import BinaryIO, Final

MAX_LINE_BYTES: Final = 65_536
TOO_LONG: Final = "\udcff\udcff"
"""What stands for a line that is too long. No decoded line contains it alone."""

_BOM: Final = b"\xef\xbb\xbf"


def read_lines(file: BinaryIO) -> Iterator[str]:
    """Yield the lines with their ends. Bytes that aren't UTF-8 become lone surrogates: see `is_utf8`.

    A line of more than MAX_LINE_BYTES is never held as a whole. TOO_LONG is yielded for it.
    """
    first = True
    while line := file.readline(MAX_LINE_BYTES + 1):
        if first:
            first, line = False, line.removeprefix(_BOM)
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
            yield TOO_LONG + "\n"
            continue
        yield line.decode("utf-8", "surrogateescape")


def is_utf8(text: str) -> bool:
    """Return whether a text of `read_lines` was UTF-8."""
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)
