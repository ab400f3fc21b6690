"""Cached heads: a head that skips the parser has the same result as one that is parsed."""

import re
from contextlib import suppress
from itertools import chain
from typing import Any

import httptools
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from httpserver import fast_path_protocol
from httpserver.fast_path import FAST_PATHS, FastPathEndpoint, Head, Reply
from httpserver.fast_path_protocol import MAX_CACHED_BYTES
from httpserver.inline_request import InlineRequest
from tests.httpserver.wire import Connection, connect

SECRET = "lk_0123456789ab:lks_" + "x" * 49
PLAIN = f"GET /v1/known?scope=a:b HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {SECRET}\r\n\r\n".encode()
EMPTY = PLAIN.replace(b"Host: localhost", b"Host: localhost\r\nContent-Length: 0")
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
OTHERS = [
    PLAIN.replace(b"GET", b"HEAD"), PLAIN.replace(b"/known", b"/other"), PLAIN.replace(b"?scope=a:b", b"?a#b"), EMPTY,
    PLAIN.replace(b"Host: localhost", b"Host: localhost\r\nContent-Length: 3"), PLAIN.replace(b"Host: localhost", b"Host: localhost\r\nExpect: 100-continue"),
    PLAIN.replace(b"Host: localhost", b"Host: localhost\r\nTransfer-Encoding: chunked"), PLAIN.replace(b"Host:", b"Transfer-Encoding:"),
    PLAIN.replace(b"Host: localhost", b"Host: localhost\r\nConnection: close"), PLAIN.replace(b"Host: localhost", b"Host: localhost\r\nProxy-Connection: close"),
    PLAIN.replace(b"Host: localhost", b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c"), PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    PLAIN.replace(b"localhost", b"local\r\n host"), PLAIN.replace(b"\r\n", b"\n"), PLAIN.replace(b"Host", b"Transfer-Encoding"),
    PLAIN + PLAIN, PLAIN * 20, b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\nX-API-Key: trailer\r\n\r\n", b"\r\n", b"\r", b"\n", b"G", b"",
]  # fmt: skip


class RecordingEndpoint:
    """Endpoint that responds immediately, and keeps the heads."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.cached = 0

    def accept(self, head: Head, reply: Reply) -> bool:
        self.cached += any(head is before for before in self.heads)
        self.heads.append(head)
        reply.respond(ANSWER)
        return True


def settle(connection: Connection) -> None:
    """Complete the responses of the application to all requests with a complete body."""
    protocol, transport, _ = connection
    while (running := protocol._in_progress()) is not None and not running.more_body:
        assert not isinstance(running, InlineRequest)
        running.response_started = running.response_complete = True
        transport.write(b"by the application, %d\r\n" % running.keep_alive)
        if not running.keep_alive:
            transport.close()
        running.on_response()


def exchange(pieces: list[bytes]) -> tuple[RecordingEndpoint, tuple[Any, ...]]:
    """Return the endpoint, and what a client gets that sends the pieces one after the other."""
    endpoint, connection = RecordingEndpoint(), connect()
    FAST_PATHS["/v1/known"] = FastPathEndpoint(lambda head: head, endpoint.accept)
    protocol, transport, loop = connection
    try:
        for piece in pieces:
            if piece and not transport.closed:
                protocol.data_received(piece)
                settle(connection)
    finally:
        del FAST_PATHS["/v1/known"]
    # An error response has its own request ID and date.
    written = re.sub(rb"date: [^\r]+", b"date: now", re.sub(rb"[0-9a-f]{32}", b"ID", transport.written))
    return endpoint, (endpoint.heads, written, transport.closed, transport.reading, loop.tasks, protocol._ignores_input)


def uses_cache(pieces: list[bytes]) -> bool:
    """Return whether a head was taken from the cache. The result must be the same as without a cache."""
    endpoint, cached = exchange(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_path_protocol, "MAX_CACHED_BYTES", 0)
        parsed_endpoint, parsed = exchange(pieces)
    assert cached == parsed
    assert parsed_endpoint.cached == 0
    assert_in_order(endpoint.heads, Parsed(b"".join(pieces)).heads)
    return endpoint.cached > 0


def assert_in_order(heads: list[Head], parsed: list[Head]) -> None:
    """The heads are among those that httptools alone finds in the same bytes, in the same order."""
    rest = iter(parsed)
    assert all(any(head == other for other in rest) for head in heads)


class Parsed:
    """The heads that httptools finds, by the callbacks of uvicorn."""

    def __init__(self, data: bytes) -> None:
        self.heads: list[Head] = []
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):  # what was found before counts
            self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._fields, self._in_head = b"", list[tuple[bytes, bytes]](), True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            name = name.lower()
            self._fields.append((name, value.strip(b" \t") if name == b"host" else value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        url = httptools.parse_url(self._url)
        self.heads.append(Head(self._parser.get_method().decode(), url.path.decode(), url.query or b"", self._fields))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A plain head with a few other bytes in it."""
    begin = draw(st.integers(0, len(PLAIN)))
    end = draw(st.integers(begin, min(begin + 3, len(PLAIN))))
    other = draw(
        st.binary(max_size=3) | st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b":", b"\r\n\r\n", b"\t", b"\0"])
    )
    return PLAIN[:begin] + other + PLAIN[end:]


@st.composite
def cut(draw: st.DrawFn) -> list[bytes]:
    """A plain head in two pieces, or its beginning before it is sent again."""
    place = draw(st.integers(1, len(PLAIN) - 1))
    return [PLAIN[:place], draw(st.sampled_from([PLAIN[place:], PLAIN, PLAIN[place:] + PLAIN[:place]]))]


PIECES = st.one_of(
    st.just([PLAIN]), st.just([PLAIN, PLAIN]), st.sampled_from(OTHERS).map(lambda one: [one]), cut(),
    st.sampled_from(OTHERS).map(lambda one: [one, one]), mutated().map(lambda one: [one, one]),
)  # fmt: skip


@settings(max_examples=600)
@given(st.lists(PIECES, min_size=1, max_size=5).map(lambda lists: list(chain(*lists))))
@example([PLAIN[:1], PLAIN, PLAIN])
@example([PLAIN, PLAIN[:-2], b"\r\n", PLAIN])
def test_cached_result_equals_parsed_result(pieces: list[bytes]) -> None:
    event("cached" if uses_cache(pieces) else "all parsed")


@pytest.mark.parametrize("byte", range(256))
def test_changed_byte_between_cached_heads(byte: int) -> None:
    for place in range(0, len(PLAIN), 5):
        other = PLAIN[:place] + bytes([byte]) + PLAIN[place + 1 :]
        uses_cache([PLAIN, other, PLAIN, other])


@pytest.mark.parametrize("head", [PLAIN, EMPTY, OTHERS[0], b"\r\n" + PLAIN, PLAIN + b"\r\n"])
def test_complete_lone_head_is_cached(head: bytes) -> None:
    assert uses_cache([head, head])


@pytest.mark.parametrize("other", [one for one in OTHERS if one not in (EMPTY, OTHERS[0])], ids=lambda one: one[:60])
def test_other_heads_are_not_cached(other: bytes) -> None:
    assert not uses_cache([other, other])


def test_long_head_is_not_cached() -> None:
    longest = PLAIN[:-2] + b"X-Long: " + b"x" * (MAX_CACHED_BYTES - len(PLAIN) - 10) + b"\r\n\r\n"
    assert uses_cache([longest, longest])
    longer = longest.replace(b"xxx\r", b"xxxx\r")
    assert not uses_cache([longer, longer])


def test_cached_bytes_in_body_are_no_request() -> None:
    """The cached bytes in the body of another request must never be treated as a request."""
    post = f"POST /v1/known HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PLAIN)}\r\n\r\n".encode()
    endpoint, (_, written, *_) = exchange([PLAIN, post, PLAIN, PLAIN])
    assert len(endpoint.heads) == 2
    assert written == ANSWER + b"by the application, 1\r\n" + ANSWER
