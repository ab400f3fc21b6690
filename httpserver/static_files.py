"""Static files, served with whitenoise from memory, so that a slow client costs neither a copy nor a descriptor."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import SlicedFile

PIECE_BYTES: Final = 65_536


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Middleware that answers with pieces of PIECE_BYTES, shared by all responses."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponseBase:
        """Return the response. `static_file` is whitenoise's, which determines status, fields and range."""
        response = static_file.get_response(request.method, request.META)
        streamed = StreamingHttpResponse(_pieces(response.file), status=int(response.status))
        del streamed["Content-Type"]
        for name, value in response.headers:
            streamed[name] = value
        return streamed


def _pieces(file: Any) -> Iterator[bytes]:
    """Return the pieces of whitenoise's open file or byte range, and close it. Return no pieces if there is no file."""
    if file is None:
        return iter(())
    with file:
        if isinstance(file, SlicedFile):
            return range_of(cached_pieces(file.fileobj.name), file.fileobj.tell(), file.remaining)
        return iter(cached_pieces(file.name))


@cache
def cached_pieces(path: str) -> tuple[bytes, ...]:
    """Return the contents of a static file in pieces of PIECE_BYTES."""
    # Cached per process without a limit, because there are few static files.
    contents = Path(path).read_bytes()
    return tuple(contents[at : at + PIECE_BYTES] for at in range(0, len(contents), PIECE_BYTES))


def range_of(pieces: tuple[bytes, ...], start: int, length: int) -> Iterator[bytes]:
    """Yield `length` bytes from `start` on, in pieces. Only the first and the last piece are copied."""
    for piece in pieces:
        taken = piece[max(start, 0) : max(start + length, 0)]
        start -= len(piece)
        if taken:
            yield taken
