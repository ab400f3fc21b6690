"""Where a stream begins."""

import pytest

from apikeys.config_service import ConfigService
from events.event_filter import MAX_ID, EventFilter
from events.stream.start import StreamStart, stream_start
from latchkey.validation import InvalidParameters

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(service: ConfigService) -> None:
    """Three events."""
    for _ in range(3):
        service.issue({"label": "x"})


def test_stream_begins_now(three: None) -> None:
    assert stream_start() == stream_start(last_event_id="") == StreamStart(EventFilter(), 3, 3)


def test_empty_log_has_the_head_0() -> None:
    assert stream_start() == StreamStart(EventFilter(), 0, 0)


def test_last_event_id_wins_over_after(three: None) -> None:
    assert stream_start(after=1).position == 1
    assert stream_start(after=1, last_event_id="2").position == 2
    assert stream_start(after=3).position == 3


def test_selection_is_taken_over(three: None) -> None:
    start = stream_start(type="KeyIssued", key_id="lk_0123456789ab")
    assert start.event_filter == EventFilter("KeyIssued", "lk_0123456789ab")


@pytest.mark.parametrize("after", [4, MAX_ID])
def test_after_beyond_the_log_is_rejected(three: None, after: int) -> None:
    with pytest.raises(InvalidParameters) as caught:
        stream_start(after=after)
    assert [error.pointer for error in caught.value.errors] == ["/after"]


@pytest.mark.parametrize("last_event_id", ["x", "-1", "1.0", "4", "9" * 30, "1, 2"])
def test_unknown_last_event_id_is_rejected(three: None, last_event_id: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        stream_start(last_event_id=last_event_id, after=4)
    assert [error.pointer for error in caught.value.errors] == ["/after", "/last-event-id"]
