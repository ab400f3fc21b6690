"""Retention of usage beyond USAGE_ROWS."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Usage, UsageStep, UsageTotal
from apikeys.usage.retention import LEAST_RETENTION, RETENTION, kept_shorter, prune_usage, stored_rows
from apikeys.usage.steps import STEPS, step_start
from health.guard_rails import BY_NAME
from tests.conftest import Caller

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
LONG: dict[UsageStep, int] = {UsageStep.MINUTE: 600, UsageStep.HOUR: 100, UsageStep.DAY: 20}
"""Steps back for which each key has a row."""


@pytest.fixture
def keys(service: ConfigService) -> list[APIKey]:
    """Two keys that were used all the time, until now."""
    keys = [service.issue({"label": "x"}).key for _ in range(2)]
    for step, steps in LONG.items():
        starts = [step_start(step, NOW) - back * STEPS[step.value] for back in range(steps)]
        Usage.objects.bulk_create(Usage(key=key, step=step, start=start, allowed=1) for key in keys for start in starts)
        UsageTotal.objects.bulk_create(UsageTotal(step=step, start=start, allowed=2, keys=2) for start in starts)
    return keys


def rows(step: UsageStep) -> int:
    found = Usage.objects.filter(step=step).count()
    assert sum(UsageTotal.objects.filter(step=step).values_list("keys", flat=True)) == found
    return found


def test_nothing_is_deleted_within_bound(keys: list[APIKey], settings: Any) -> None:
    settings.USAGE_ROWS = stored_rows()
    assert stored_rows() == Usage.objects.count() == 2 * sum(LONG.values())
    assert (prune_usage(NOW), kept_shorter(NOW)) == (0, {})
    assert BY_NAME["shortened_usage"].find(NOW) is None


def test_oldest_minutes_go_first(keys: list[APIKey], settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apikeys.usage.retention.PRUNE_BATCH", 7)
    settings.USAGE_ROWS = stored_rows() - 301
    assert prune_usage(NOW) == 302, "whole minutes"
    assert (rows(UsageStep.MINUTE), rows(UsageStep.HOUR), rows(UsageStep.DAY)) == (898, 200, 40)
    oldest = Usage.objects.filter(step="minute").order_by("start")[0].start
    assert oldest == NOW - timedelta(minutes=448)
    assert kept_shorter(NOW) == {UsageStep.MINUTE: oldest}
    assert UsageTotal.objects.filter(step="minute").count() == LONG[UsageStep.MINUTE], "totals stay"
    assert prune_usage(NOW) == 0


def test_hours_go_next_and_days_stay(keys: list[APIKey], settings: Any) -> None:
    settings.USAGE_ROWS = 1
    prune_usage(NOW)
    left = {step: least // STEPS[step.value] + 1 for step, least in LEAST_RETENTION.items()}
    assert rows(UsageStep.MINUTE) == 2 * left[UsageStep.MINUTE] == 122
    assert rows(UsageStep.HOUR) == 2 * left[UsageStep.HOUR] == 98
    assert rows(UsageStep.DAY) == 40
    assert set(kept_shorter(NOW)) == {UsageStep.MINUTE, UsageStep.HOUR}


def test_stops_between_batches(keys: list[APIKey], settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apikeys.usage.retention.PRUNE_BATCH", 10)
    settings.USAGE_ROWS = 1
    # Rows of requests and of other units of three steps, and then two batches of minutes.
    answers = iter([True] * 8 + [False])
    assert prune_usage(NOW, lambda: next(answers, False)) == 20, "a batch of each kind looks for old rows first"
    assert rows(UsageStep.MINUTE) == 1180


def test_retention_counts_what_is_left(keys: list[APIKey]) -> None:
    later = NOW + RETENTION[UsageStep.MINUTE] - timedelta(minutes=99)
    assert prune_usage(later) == 2 * 500
    assert rows(UsageStep.MINUTE) == 200
    assert kept_shorter(later) == {}, "totals go at the same age"


def test_guard_rail_and_health_say_so(keys: list[APIKey], settings: Any, api: Caller) -> None:
    settings.USAGE_ROWS = 1
    prune_usage(NOW)
    found = BY_NAME["shortened_usage"].find(NOW)
    assert found is not None
    assert found.count == 2
    assert found.detail == (
        "Beyond 1 rows, usage of single keys is kept by minutes since 2027-01-31T11:00:00Z, hours since"
        " 2027-01-29T12:00:00Z."
    )
    usage = api.get("/health/full").json()["components"]["usage"]
    assert (usage["status"], usage["rows"], usage["max_rows"]) == ("ok", 260, 1)
