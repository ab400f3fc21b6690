"""The bytes of a stream."""

import json
from datetime import UTC, datetime

from events.log import as_json
from events.models import Event
from events.stream.frames import HEARTBEAT, OPENING, Frame, encode_frame, encode_position, limit_size


def test_frame_is_one_event_on_three_lines_whatever_its_texts_hold() -> None:
    event = Event(
        id=7,
        type="KeyIssued",
        at=datetime(2026, 1, 31, tzinfo=UTC),
        key_id="lk_0123456789ab",
        data_json=json.dumps({"label": "a\nb\r\n\ndata: x\u2028\u0085é"}),
        digest="0" * 64,
    )
    first, second, data, *rest = encode_frame(event).encoded.decode("ascii").split("\n")
    assert (first, second, rest) == ("id: 7", "event: KeyIssued", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == as_json(event)


def test_opening_and_heartbeat_are_no_events() -> None:
    for line in (OPENING + HEARTBEAT).decode().splitlines():
        assert line == "" or line.startswith((":", "retry: 2000"))
    assert HEARTBEAT.endswith(b"\n\n")


def test_within_a_size_are_the_first_frames_and_one_at_least() -> None:
    frames = [Frame(number, "", "", b"x" * 30) for number in range(5)]
    assert [len(limit_size(frames, size)) for size in (1, 30, 59, 60, 61, 1000)] == [1, 1, 1, 2, 2, 5]
    assert limit_size(frames[:2]) == frames[:2]
    assert limit_size([]) == []


def test_place_is_an_id_without_an_event() -> None:
    assert encode_position(7) == b"id: 7\n\n"
