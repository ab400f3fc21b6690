from datetime import UTC, datetime

import pytest

from latchkey.cli.drain import Drain

EARLY = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
LATE = datetime(2027, 1, 31, 9, 31, tzinfo=UTC)


def test_quiet_time_needs_a_use_of_the_new_secret() -> None:
    drain = Drain(quiet_seconds=600, since=100, old_used_at=None)
    unused = drain.observe(None, None, 90_000)
    assert (unused.quiet_seconds, drain.is_complete(unused)) == (None, False)
    first = drain.observe(None, EARLY, 90_100)
    assert (first.quiet_seconds, drain.is_complete(first)) == (0, False)
    again = drain.observe(None, LATE, 90_700)
    assert (again.quiet_seconds, drain.is_complete(again)) == (600, True)


def test_quiet_time_restarts_with_each_old_use() -> None:
    drain = Drain(quiet_seconds=600, since=100, old_used_at=None)
    drain.observe(None, EARLY, 100)
    used = ((None, 400), (EARLY, 500), (EARLY, 800), (LATE, 900))
    assert [drain.observe(old, EARLY, now).quiet_seconds for old, now in used] == [300, 0, 300, 0]
    assert [drain.is_complete(drain.observe(LATE, EARLY, now)) for now in (1499.9, 1500)] == [False, True]


def test_unused_secret_can_count_as_used() -> None:
    drain = Drain(quiet_seconds=600, since=100, old_used_at=EARLY, even_if_unused=True)
    assert [drain.is_complete(drain.observe(EARLY, None, now)) for now in (699.9, 700)] == [False, True]
    assert drain.observe(LATE, None, 800).quiet_seconds == 0


@pytest.mark.parametrize(("quiet_seconds", "poll_seconds"), [(1, 0.2), (60, 3), (600, 10), (86_400, 10)])
def test_how_often_it_looks(quiet_seconds: float, poll_seconds: float) -> None:
    assert Drain(quiet_seconds, 0, None).poll_seconds == poll_seconds
