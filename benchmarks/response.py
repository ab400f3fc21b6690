"""HTTP/1.1 responses, parsed as far as a load generator needs."""

from typing import NamedTuple

from benchmarks.failure import CouldNotMeasure

_LENGTH = b"\r\ncontent-length:"


class Response(NamedTuple):
    """A response; `size` is the number of bytes of its header and body together."""

    status: int
    body: bytes
    size: int


def parse(received: bytes) -> Response | None:
    """Return the response at the start of `received`, or None if it isn't complete yet.

    Raise CouldNotMeasure for a response with a body but without Content-Length.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    header = received[:end].lower()
    at = header.find(_LENGTH)
    status = int(header[9:12])
    if at >= 0:
        length = int(header[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    elif status == 204:
        # A 204 response never has a body (RFC 9110, section 15.3.5).
        length = 0
    else:
        raise CouldNotMeasure("A response has no Content-Length.")
    size = end + 4 + length
    if len(received) < size:
        return None
    return Response(status, received[end + 4 : size], size)
