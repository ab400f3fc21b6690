"""Heads that a connection knows again, and does not parse: what comes of them is what the parser makes of them."""

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
from httpserver.fast_path_protocol import MAX_KNOWN_BYTES
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


class Door:
    """Answers what it is asked; keeps the heads."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.known = 0

    def ask(self, head: Head, reply: Reply) -> bool:
        self.known += any(head is before for before in self.heads)
        self.heads.append(head)
        reply.answer(ANSWER)
        return True


def settle(connection: Connection) -> None:
    """Answers for the application, as long as there is something to answer and its body is there."""
    protocol, transport, _ = connection
    while (running := protocol._under_way()) is not None and not running.more_body:
        assert not isinstance(running, InlineRequest)
        running.response_started = running.response_complete = True
        transport.write(b"by the application, %d\r\n" % running.keep_alive)
        if not running.keep_alive:
            transport.close()
        running.on_response()


def said(pieces: list[bytes]) -> tuple[Door, tuple[Any, ...]]:
    """What the door is asked, and what is said to a client that sends the pieces one after the other."""
    door, connection = Door(), connect()
    FAST_PATHS["/v1/known"] = FastPathEndpoint(lambda head: head, door.ask)
    protocol, transport, loop = connection
    try:
        for piece in pieces:
            if piece and not transport.closed:
                protocol.data_received(piece)
                settle(connection)
    finally:
        del FAST_PATHS["/v1/known"]
    # A refusal has an id of its own, and its moment.
    written = re.sub(rb"date: [^\r]+", b"date: now", re.sub(rb"[0-9a-f]{32}", b"ID", transport.written))
    return door, (door.heads, written, transport.closed, transport.reading, loop.tasks, protocol._refused)


def is_known_again(pieces: list[bytes]) -> bool:
    """Whether a head was known again. What was said must be what is said where every head is parsed."""
    door, known = said(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_path_protocol, "MAX_KNOWN_BYTES", 0)
        parsed_door, parsed = said(pieces)
    assert known == parsed
    assert parsed_door.known == 0
    assert_in_order(door.heads, Parsed(b"".join(pieces)).heads)
    return door.known > 0


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
    """A plain head in two pieces, or what of it comes before it comes anew."""
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
def test_what_is_known_again_is_what_the_parser_would_say(pieces: list[bytes]) -> None:
    event("known again" if is_known_again(pieces) else "all parsed")


@pytest.mark.parametrize("byte", range(256))
def test_each_byte_in_each_place_between_known_heads(byte: int) -> None:
    for place in range(0, len(PLAIN), 5):
        other = PLAIN[:place] + bytes([byte]) + PLAIN[place + 1 :]
        is_known_again([PLAIN, other, PLAIN, other])


@pytest.mark.parametrize("head", [PLAIN, EMPTY, OTHERS[0], b"\r\n" + PLAIN, PLAIN + b"\r\n"])
def test_head_that_comes_whole_and_alone_is_known_again(head: bytes) -> None:
    assert is_known_again([head, head])


@pytest.mark.parametrize("other", [one for one in OTHERS if one not in (EMPTY, OTHERS[0])], ids=lambda one: one[:60])
def test_all_else_is_parsed_each_time(other: bytes) -> None:
    assert not is_known_again([other, other])


def test_long_head_is_parsed_each_time() -> None:
    longest = PLAIN[:-2] + b"X-Long: " + b"x" * (MAX_KNOWN_BYTES - len(PLAIN) - 10) + b"\r\n\r\n"
    assert is_known_again([longest, longest])
    longer = longest.replace(b"xxx\r", b"xxxx\r")
    assert not is_known_again([longer, longer])


def test_known_bytes_as_the_body_of_another_are_no_request() -> None:
    """The known bytes as another request's body must never be taken for a request."""
    post = f"POST /v1/known HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PLAIN)}\r\n\r\n".encode()
    door, (_, written, *_) = said([PLAIN, post, PLAIN, PLAIN])
    assert len(door.heads) == 2
    assert written == ANSWER + b"by the application, 1\r\n" + ANSWER
