from collections.abc import Iterator

import pytest

from latchkey.client.server_sent_events import MAX_EVENT_BYTES, EventTooLarge, ServerSentEvent, parse_events

STREAM = (
    b"retry: 2000\n: open\n\nid: 7\nevent: KeyIssued\ndata: {}\n\n: still here\n\n"
    b"data:a\r\ndata\r\ndata: b\r\n\r\nid: 8\n\ndata: cut"
)
EXPECTED = [
    ServerSentEvent("7", "KeyIssued", "{}"),
    ServerSentEvent("7", "message", "a\n\nb"),
    ServerSentEvent("8", "", None),
]


def test_events_are_whole_ones() -> None:
    assert list(parse_events([STREAM])) == EXPECTED


def test_id_of_an_event_is_not_repeated() -> None:
    assert list(parse_events([b"id: 7\ndata: a\n\nid: 7\n\n"])) == [ServerSentEvent("7", "message", "a")]


def test_chunks_may_end_anywhere() -> None:
    assert list(parse_events(bytes([byte]) for byte in STREAM)) == EXPECTED


def test_event_comes_as_soon_as_it_is_whole() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"data: a\n\n"
        raise AssertionError("it read on")

    assert next(parse_events(chunks())).data == "a"


MEGABYTE = b"x" * 1_000_000
TOO_MANY = MAX_EVENT_BYTES // 1_000_000 + 1


@pytest.mark.parametrize(
    "chunks", [[b"data: ", *[MEGABYTE] * TOO_MANY], [b"data: " + MEGABYTE + b"\n"] * TOO_MANY], ids=["line", "event"]
)
def test_line_or_event_without_end_is_rejected(chunks: list[bytes]) -> None:
    with pytest.raises(EventTooLarge):
        list(parse_events(chunks))


def test_events_are_bounded_one_by_one() -> None:
    assert len(list(parse_events([b"data: " + MEGABYTE + b"\n\n"] * TOO_MANY))) == TOO_MANY
