"""The bounds on open streams."""

import pytest

from events.stream.limits import RETRY_AFTER_SECONDS, StreamLimit, TooManyStreams


def test_streams_are_bounded_per_key_and_in_total() -> None:
    limit = StreamLimit(max_streams=3, max_per_key=2)
    limit.acquire("lk_a")
    limit.acquire("lk_a")
    with pytest.raises(TooManyStreams, match="This key already has 2"):
        limit.acquire("lk_a")
    limit.acquire("lk_b")
    with pytest.raises(TooManyStreams, match="already has 3") as caught:
        limit.acquire("lk_c")
    assert (caught.value.slug, caught.value.retry_after_seconds) == ("unavailable", RETRY_AFTER_SECONDS)
    assert limit.count == 3


def test_released_slot_is_available_again() -> None:
    limit = StreamLimit(max_streams=1, max_per_key=1)
    for key_id in ("lk_a", "lk_a", "lk_b"):
        limit.acquire(key_id)
        limit.release(key_id)
    assert limit.count == 0
