"""Responses in any pieces, and bytes that are none."""

import pytest

from latchkey.client.http1.malformed import MalformedResponse, ResponseTooLarge
from latchkey.client.http1.response_head import MAX_HEAD_BYTES
from latchkey.client.http1.response_parser import ResponseParser

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
MAX_BODY = 20


def parsed(*pieces: bytes) -> ResponseParser:
    """The parser after these pieces, the last of which completes the response."""
    parser = ResponseParser(MAX_BODY)
    assert [parser.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    return parser


def bytewise(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


@pytest.mark.parametrize(
    ("received", "status", "body"),
    [
        (HELLO, 200, b"hello"),
        (b"HTTP/1.1 200\r\ncontent-length:\t 5 \t\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + HELLO, 200, b"hello"),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", 200, b"hello"),
        (CHUNKED + b"003;a=b\r\nhel\r\n2 \r\nlo\r\n0\r\nX-Trailer: a\r\n\r\n", 200, b"hello"),
        (CHUNKED + b"0\r\n\r\n", 200, b""),
    ],
)
def test_responses(received: bytes, status: int, body: bytes) -> None:
    for pieces in ([received], bytewise(received)):
        parser = parsed(*pieces)
        assert (parser.response.status, bytes(parser.response.body), parser.can_reuse) == (status, body, True)


def test_fields_of_one_name_are_joined() -> None:
    response = parsed(b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\na:2\r\n\r\n").response
    assert (response.field("A"), response.field("B")) == ("1, 2", None)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: Foo , Close\r\n",
    ],
)
def test_connections_that_the_server_does_not_keep(head: bytes) -> None:
    assert not parsed(head + b"Content-Length: 0\r\n\r\n").can_reuse


@pytest.mark.parametrize("received", [HELLO + b"H", CHUNKED + b"0\r\n\r\nH"])
def test_surplus_bytes_are_not_those_of_the_next_response(received: bytes) -> None:
    assert not parsed(received).can_reuse


def test_the_end_of_the_connection_may_end_a_body() -> None:
    parser = ResponseParser(MAX_BODY)
    assert not parser.feed(b"HTTP/1.1 200 OK\r\n\r\nhel")
    assert not parser.feed(b"lo")
    assert parser.end()
    assert (bytes(parser.response.body), parser.can_reuse) == (b"hello", False)


@pytest.mark.parametrize("received", [b"", HELLO[:10], HELLO[:-1], CHUNKED + b"5\r\nhello\r\n", CHUNKED + b"0\r\n"])
def test_truncated(received: bytes) -> None:
    parser = ResponseParser(MAX_BODY)
    assert not parser.feed(received)
    assert not parser.end()
    assert parser.has_begun is bool(received)


@pytest.mark.parametrize(
    "received",
    [
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\r\n" + HELLO,
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 999 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10,
        b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n continued\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        CHUNKED + b"g\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"fffffffff\r\n",
        CHUNKED + b"5\r\nhelloX\r\n",
        CHUNKED + b"1\r\nhello\r\n",
        CHUNKED + b"1;" + b"a" * 5000,
        CHUNKED + b"0\r\n" + b"A: b\r\n" * 5000,
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
    ],
    ids=lambda received: repr(received[:60]),
)
def test_what_is_no_response(received: bytes) -> None:
    with pytest.raises(MalformedResponse):
        ResponseParser(MAX_BODY).feed(received)
    parser = ResponseParser(MAX_BODY)
    if len(received) < 200:
        with pytest.raises(MalformedResponse):
            for piece in bytewise(received):
                parser.feed(piece)


@pytest.mark.parametrize(
    "received",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 21,
        CHUNKED + b"15\r\n" + b"a" * 21,
        CHUNKED + b"a\r\n" + b"a" * 10 + b"\r\nb\r\n" + b"a" * 11,
    ],
    ids=lambda received: repr(received[:60]),
)
def test_bodies_are_bounded(received: bytes) -> None:
    with pytest.raises(ResponseTooLarge):
        ResponseParser(MAX_BODY).feed(received)
