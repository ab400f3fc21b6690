"""Static files: whitenoise's, read once, so that a slow client costs neither a copy nor a descriptor."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import SlicedFile

PIECE_BYTES: Final = 65_536


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Answers with pieces of PIECE_BYTES that all responses share."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponseBase:
        """Return the response; `static_file` is whitenoise's, which says status, fields and range."""
        found = static_file.get_response(request.method, request.META)
        response = StreamingHttpResponse(_pieces(found.file), status=int(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response


def _pieces(file: Any) -> Iterator[bytes]:
    """Return the pieces of an open file of whitenoise's, or of its range, and close it. None: no pieces."""
    if file is None:
        return iter(())
    with file:
        if isinstance(file, SlicedFile):
            return part_of(pieces_of(file.fileobj.name), file.fileobj.tell(), file.remaining)
        return iter(pieces_of(file.name))


@cache
def pieces_of(path: str) -> tuple[bytes, ...]:
    """Return the contents of a static file in pieces of PIECE_BYTES. They are few, so a process keeps what it read."""
    contents = Path(path).read_bytes()
    return tuple(contents[at : at + PIECE_BYTES] for at in range(0, len(contents), PIECE_BYTES))


def part_of(pieces: tuple[bytes, ...], start: int, length: int) -> Iterator[bytes]:
    """Yield the `length` bytes from `start` on; only the first and the last piece are copied."""
    for piece in pieces:
        taken = piece[max(start, 0) : max(start + length, 0)]
        start -= len(piece)
        if taken:
            yield taken
