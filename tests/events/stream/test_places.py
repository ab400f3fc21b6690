"""The bounds on open streams."""

import pytest

from events.stream.limits import RETRY_AFTER_SECONDS, StreamLimit, TooManyStreams


def test_places_are_bounded_for_a_key_and_over_all() -> None:
    places = StreamLimit(most=3, most_per_key=2)
    places.take("lk_a")
    places.take("lk_a")
    with pytest.raises(TooManyStreams, match="This key has 2"):
        places.take("lk_a")
    places.take("lk_b")
    with pytest.raises(TooManyStreams, match="already has 3") as refusal:
        places.take("lk_c")
    assert (refusal.value.slug, refusal.value.retry_after_seconds) == ("unavailable", RETRY_AFTER_SECONDS)
    assert places.taken == 3


def test_place_that_was_given_back_is_free_again() -> None:
    places = StreamLimit(most=1, most_per_key=1)
    for key_id in ("lk_a", "lk_a", "lk_b"):
        places.take(key_id)
        places.free(key_id)
    assert places.taken == 0
