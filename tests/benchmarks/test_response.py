"""What the load generator reads of a response."""

import pytest

from benchmarks.failure import CouldNotMeasure
from benchmarks.response import Response, parse

WHOLE = b"HTTP/1.1 429 Too Many Requests\r\nServer: x\r\nContent-Length: 4\r\n\r\nbody"


def test_parse_whole() -> None:
    assert parse(WHOLE) == Response(429, b"body", len(WHOLE))


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_parse_part(length: int) -> None:
    assert parse(WHOLE[:length]) is None


def test_parse_leaves_what_follows() -> None:
    assert parse(WHOLE + b"HTTP/1.1 200 OK\r\n") == Response(429, b"body", len(WHOLE))


def test_parse_without_length() -> None:
    with pytest.raises(CouldNotMeasure):
        parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def test_parse_204_without_length() -> None:
    assert parse(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200") == Response(204, b"", 27)
