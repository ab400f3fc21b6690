from datetime import UTC, datetime, timedelta

import pytest

from console.texts import ago_words, format_duration, limit_words
from ratelimit.limit import Limit

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("burst", "per_seconds", "words"),
    [
        (60, 60, "60 at once, then one each second"),
        (5, 60, "5 at once, then one each 12 seconds"),
        (1, 3600, "1 at once, then one each hour"),
        (1, 5400, "1 at once, then one each 90 minutes"),
        (120, 60, "120 at once, then 2 each second"),
        (7, 60, "7 at once, then 7 each minute"),
        (1_000_000, 1, "1,000,000 at once, then 1,000,000 each second"),
    ],
)
def test_limits(burst: int, per_seconds: int, words: str) -> None:
    assert limit_words(Limit(burst, per_seconds)) == words


def test_no_limit() -> None:
    assert limit_words(None) == "No limit at all"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=1), "second"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(days=30), "30 days"),
    ],
)
def test_spans(span: timedelta, words: str) -> None:
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
def test_how_long_ago(moment: datetime | None, words: str) -> None:
    assert ago_words(moment, NOW) == words
