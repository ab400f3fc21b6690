"""An HTTP/1.1 response, as far as a load generator has to read it."""

from typing import NamedTuple

from benchmarks.failure import CouldNotMeasure

_LENGTH = b"\r\ncontent-length:"


class Response(NamedTuple):
    """`size` is the number of bytes of the whole response, header and body."""

    status: int
    body: bytes
    size: int


def parse(received: bytes) -> Response | None:
    """The response at the start of `received`; None while it is not whole.

    Raises CouldNotMeasure for one whose length is not given ahead.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    header = received[:end].lower()
    at = header.find(_LENGTH)
    status = int(header[9:12])
    if at >= 0:
        length = int(header[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    elif status == 204:  # never has a body
        length = 0
    else:
        raise CouldNotMeasure("A response has no Content-Length.")
    size = end + 4 + length
    if len(received) < size:
        return None
    return Response(status, received[end + 4 : size], size)
