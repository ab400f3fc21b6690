from collections.abc import Iterator

import pytest

from latchkey.client.server_sent_events import MAX_EVENT_BYTES, Message, OverlongEvent, messages

STREAM = (
    b"retry: 2000\n: open\n\nid: 7\nevent: KeyIssued\ndata: {}\n\n: still here\n\n"
    b"data:a\r\ndata\r\ndata: b\r\n\r\nid: 8\n\ndata: cut"
)
EXPECTED = [Message("7", "KeyIssued", "{}"), Message("7", "message", "a\n\nb"), Message("8", "", None)]


def test_events_are_whole_ones() -> None:
    assert list(messages([STREAM])) == EXPECTED


def test_id_that_came_with_an_event_is_not_told_again() -> None:
    assert list(messages([b"id: 7\ndata: a\n\nid: 7\n\n"])) == [Message("7", "message", "a")]


def test_chunks_may_end_anywhere() -> None:
    assert list(messages(bytes([byte]) for byte in STREAM)) == EXPECTED


def test_event_comes_as_soon_as_it_is_whole() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"data: a\n\n"
        raise AssertionError("it read on")

    assert next(messages(chunks())).data == "a"


def test_event_without_end() -> None:
    with pytest.raises(OverlongEvent):
        list(messages([b"data: "] + [b"x" * 1_000_000] * (MAX_EVENT_BYTES // 1_000_000 + 1)))
