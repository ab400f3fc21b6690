"""The bytes of a stream."""

import json
from datetime import UTC, datetime

from events.log import as_json
from events.models import Event
from events.stream.frames import HEARTBEAT, OPENING, Frame, encode_frame, encode_position, limit_size


def test_frame_has_three_lines_for_any_text() -> None:
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


def test_size_limit_keeps_at_least_one_frame() -> None:
    frames = [Frame(number, "", "", b"x" * 30) for number in range(5)]
    assert [len(limit_size(frames, size)) for size in (1, 30, 59, 60, 61, 1000)] == [1, 1, 1, 2, 2, 5]
    assert limit_size(frames[:2]) == frames[:2]
    assert limit_size([]) == []


def test_position_is_an_id_without_an_event() -> None:
    assert encode_position(7) == b"id: 7\n\n"
