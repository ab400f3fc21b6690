from datetime import UTC, datetime

import pytest

from latchkey.cli.drain import Drain

EARLY = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
LATE = datetime(2027, 1, 31, 9, 31, tzinfo=UTC)


def test_quiet_begins_anew_with_each_use() -> None:
    drain = Drain(quiet_seconds=600, since=100, last_used_at=None)
    assert drain.observe(None, 400) == 300
    assert drain.observe(EARLY, 500) == 0
    assert drain.observe(EARLY, 800) == 300
    assert drain.observe(LATE, 900) == 0


def test_it_is_over_when_it_was_quiet_for_long_enough() -> None:
    drain = Drain(quiet_seconds=600, since=100, last_used_at=EARLY)
    assert (drain.over(699.9), drain.over(700)) == (False, True)
    drain.observe(LATE, 699.9)
    assert (drain.over(1299.8), drain.over(1299.9)) == (False, True)


@pytest.mark.parametrize(("quiet_seconds", "poll_seconds"), [(1, 0.2), (60, 3), (600, 10), (86_400, 10)])
def test_how_often_it_looks(quiet_seconds: float, poll_seconds: float) -> None:
    assert Drain(quiet_seconds, 0, None).poll_seconds == poll_seconds
