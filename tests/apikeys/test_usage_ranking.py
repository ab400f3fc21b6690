"""The ranking of keys and owners by today's requests, and when it is made."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Usage, UsageMark, UsageRanking, UsageSource
from apikeys.usage import ranking
from apikeys.usage.ranking import MAX_ENTRIES, latest_ranking, rank_usage, rank_usage_if_due

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 1, 15, 30, tzinfo=UTC)
TODAY = NOW.replace(hour=0, minute=0)
DAY = timedelta(days=1)


def used(
    service: ConfigService, label: str, owner: str, allowed: int, throttled: int = 0, at: datetime = TODAY
) -> APIKey:
    key = service.issue({"label": label, "owner": owner}).key
    Usage.objects.create(key=key, step="day", start=at, allowed=allowed, throttled=throttled)
    Usage.objects.create(key=key, step="hour", start=at, allowed=10**9, throttled=10**9)
    return key


def names(kind: str, measure: str) -> list[tuple[str, int, int]]:
    return [(it["name"], it["allowed"], it["throttled"]) for it in rank_usage(NOW).entries[kind][measure]]


def test_keys_and_owners_are_ranked(service: ConfigService) -> None:
    first = used(service, "one", "payments", 10, 1)
    used(service, "two", "payments", 7, 0)
    used(service, "three", "search", 16, 3)
    used(service, "four", "", 99, 99)
    used(service, "idle", "idle", 0)
    used(service, "before", "payments", 10**6, 10**6, TODAY - DAY)
    assert names("keys", "allowed") == [("four", 99, 99), ("three", 16, 3), ("one", 10, 1), ("two", 7, 0)]
    assert names("keys", "throttled") == [("four", 99, 99), ("three", 16, 3), ("one", 10, 1)]
    assert names("owners", "allowed") == [("payments", 17, 1), ("search", 16, 3)]
    assert names("owners", "throttled") == [("search", 16, 3), ("payments", 17, 1)]
    assert rank_usage(NOW).entries["keys"]["allowed"][2]["key_id"] == first.key_id


def test_current_hour_counts(service: ConfigService) -> None:
    """It is in the marks until the hour has ended; an older hour of another day is not today's."""
    source = UsageSource.objects.create(generation="g", seen_at=NOW)
    early = used(service, "early", "payments", 10)
    late = service.issue({"label": "late", "owner": "search"}).key
    for key, hour, allowed in ((early, 14, 5), (late, 15, 40)):
        UsageMark.objects.create(key=key, source=source, hour_at=NOW.replace(hour=hour, minute=0), hour_allowed=allowed)
    idle = service.issue({"label": "idle", "owner": "search"}).key
    UsageMark.objects.create(key=idle, source=source, hour_at=TODAY - DAY, hour_allowed=10**6)
    assert names("keys", "allowed") == [("late", 40, 0), ("early", 15, 0)]
    assert names("owners", "allowed") == [("search", 40, 0), ("payments", 15, 0)]


def test_ranking_is_short_and_takes_few_queries(service: ConfigService) -> None:
    for number in range(MAX_ENTRIES + 3):
        used(service, f"key {number}", f"owner {number}", 100 - number, 1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        entries = rank_usage(NOW).entries
    assert len(queries) == 6
    assert {len(entries[kind][measure]) for kind in entries for measure in entries[kind]} == {MAX_ENTRIES}
    assert entries["keys"]["allowed"][0]["name"] == "key 0"


def ranked_after(seconds: float, took: float) -> bool:
    """Whether the steward ranks again so long after a ranking that took so long."""
    UsageRanking.objects.update_or_create(id=1, defaults={"ranked_at": NOW, "seconds": took, "entries": {}})
    return rank_usage_if_due(NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("took", "pause"), [(0.01, 60), (3.0, 60), (10.0, 200), (100.0, 2000), (179.0, 3580), (1000.0, 3600)]
)
def test_slow_ranking_is_rarer(took: float, pause: int) -> None:
    assert not ranked_after(pause - 1, took)
    assert ranked_after(pause, took)


def test_first_ranking_new_day_and_wrong_clock_are_due(service: ConfigService) -> None:
    used(service, "one", "payments", 10)
    assert rank_usage_if_due(NOW)
    stored = UsageRanking.objects.get()
    assert (stored.ranked_at, stored.entries) == (NOW, rank_usage(NOW).entries)
    assert not rank_usage_if_due(NOW + timedelta(seconds=5))
    assert ranked_after(-5, 0.01), "dated ahead"
    UsageRanking.objects.update(ranked_at=TODAY + DAY - timedelta(seconds=5), seconds=1000.0)
    assert rank_usage_if_due(TODAY + DAY)


def test_lease_is_renewed_between_queries() -> None:
    renewed: list[None] = []
    assert rank_usage_if_due(NOW, lambda: renewed.append(None))
    assert len(renewed) == 4


def test_duration_is_measured() -> None:
    clock = iter((10.0, 12.5))
    assert rank_usage(NOW, lambda: next(clock)).seconds == 2.5


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=4)])
def test_fresh_ranking_is_read(service: ConfigService, age: timedelta, django_assert_num_queries: Any) -> None:
    rank_usage_if_due(NOW - age)
    used(service, "one", "payments", 10)
    with django_assert_num_queries(1):
        found = latest_ranking(NOW, keys=1)
    assert found is not None
    assert found.entries["keys"]["allowed"] == []


@pytest.mark.parametrize("age", [None, timedelta(minutes=6), timedelta(days=1), timedelta(minutes=-6)])
def test_old_ranking_is_replaced_only_for_few_keys(service: ConfigService, age: timedelta | None) -> None:
    if age is not None:
        rank_usage_if_due(NOW - age)
    used(service, "one", "payments", 10)
    few, many = latest_ranking(NOW, keys=1), latest_ranking(NOW, keys=ranking.ALWAYS_RANKED + 1)
    assert few is not None
    assert [it["name"] for it in few.entries["keys"]["allowed"]] == ["one"]
    if age is None:
        assert many is None
    else:
        assert many is not None
        assert (many.ranked_at, many.entries["keys"]["allowed"]) == (NOW - age, [])
