from datetime import UTC, datetime, timedelta

import pytest

from events.webhooks.backoff import is_dead, retry_delay

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        (1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 320), (8, 640), (9, 1280), (10, 2560), (11, 3600),
        (12, 3600), (100_000, 3600),
    ],
)  # fmt: skip
def test_pause_doubles_up_to_an_hour(failures: int, seconds: float) -> None:
    assert retry_delay(failures, 1.0) == timedelta(seconds=seconds)
    assert retry_delay(failures, 0.0) == timedelta(seconds=seconds / 2)
    assert retry_delay(failures, 0.5) == timedelta(seconds=seconds * 0.75)


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(None, 20), (0, 20), (19, 20), (21, 21), (3600, 3600), (3601, 3600), (10**9, 3600)]
)
def test_retry_after_extends_the_pause_up_to_an_hour(retry_after: int | None, seconds: int) -> None:
    assert retry_delay(3, 1.0, retry_after) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("failures", "failing", "dead"),
    [
        (10, timedelta(days=3), True),
        (10, timedelta(days=3) - timedelta(seconds=1), False),
        (9, timedelta(days=30), False),
        (1000, timedelta(days=2), False),
    ],
)
def test_dead_is_three_days_and_ten_times(failures: int, failing: timedelta, dead: bool) -> None:
    assert is_dead(failures, NOW - failing, NOW) is dead
