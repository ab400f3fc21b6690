from datetime import UTC, datetime, timedelta

import pytest

from console.formatting import format_limit
from latchkey.relative_time import format_duration, format_relative_time
from ratelimit.limit import Limit

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("burst", "per_seconds", "words"),
    [
        (60, 60, "1 per second, burst 60"),
        (5, 60, "1 per 12 seconds, burst 5"),
        (1, 3600, "1 per hour, burst 1"),
        (1, 5400, "1 per 90 minutes, burst 1"),
        (120, 60, "2 per second, burst 120"),
        (7, 60, "7 per minute, burst 7"),
        (1_000_000, 1, "1,000,000 per second, burst 1,000,000"),
    ],
)
def test_limits(burst: int, per_seconds: int, words: str) -> None:
    assert format_limit(Limit(burst, per_seconds)) == words


def test_no_limit() -> None:
    assert format_limit(None) == "None"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=1), "second"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(days=30), "30 days"),
    ],
)
def test_durations(span: timedelta, words: str) -> None:
    assert format_duration(span) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (None, "never"),
        (NOW, "now"),
        (NOW - timedelta(seconds=1), "1 second ago"),
        (NOW - timedelta(minutes=119), "1 hour ago"),
        (NOW + timedelta(days=3, hours=5), "in 3 days"),
    ],
)
def test_relative_times(moment: datetime | None, words: str) -> None:
    assert format_relative_time(moment, NOW) == words
