"""Rows of callers: merged from all processes, few for each key, and gone with the key or after 90 days."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from apikeys.callers.report import callers_json
from apikeys.callers.rows import most_relevant, prune_callers, write_callers
from apikeys.callers.sightings import MAX_VALUES, Sighting, Sightings
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import CallerKind, KeyCaller

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 1, tzinfo=UTC)
T = NOW.timestamp()


def seen(requests: int, *values: str, kind: CallerKind = CallerKind.ADDRESS, at: float = T) -> Sightings:
    return {(kind, value): Sighting(requests, at, at) for value in values}


def test_two_processes_are_merged(root: IssuedKey) -> None:
    key_id = root.key.key_id
    write_callers({key_id: {**seen(3, "192.0.2.1", at=T + 60), **seen(3, "curl/8.5", kind=CallerKind.SERVICE)}})
    write_callers({key_id: seen(4, "192.0.2.1"), "lk_000000000000": seen(1, "192.0.2.9")})
    assert callers_json(root.key) == [
        {
            "kind": "address", "value": "192.0.2.1", "requests": 7,
            "first_seen": "2030-01-01T00:00:00Z", "last_seen": "2030-01-01T00:01:00Z",
        },
        {
            "kind": "service", "value": "curl/8.5", "requests": 3,
            "first_seen": "2030-01-01T00:00:00Z", "last_seen": "2030-01-01T00:00:00Z",
        },
    ]  # fmt: skip
    assert KeyCaller.objects.count() == 2


def test_each_key_keeps_few(root: IssuedKey, service: ConfigService) -> None:
    other = service.issue({"label": "other"}).key
    write_callers({root.key.key_id: seen(100, "often"), other.key_id: seen(1, "alone")})
    for number in range(40):
        write_callers({root.key.key_id: seen(1, f"a{number}", f"b{number}", at=T + number)})
    kept = [row["value"] for row in callers_json(root.key)]
    assert len(kept) == MAX_VALUES
    assert "often" in kept
    assert {"a39", "b39"} <= set(kept), "those seen last"
    assert [row["value"] for row in callers_json(other)] == ["alone"]


def test_heavy_and_recent_callers_stay() -> None:
    rows = [
        KeyCaller(value=str(number), requests=number, last_seen=NOW - timedelta(days=number)) for number in range(20)
    ]
    assert {row.value for row in most_relevant(rows)} == {"19", "18", "17", "16", "0", "1", "2", "3"}


def test_many_keys_take_few_queries(
    service: ConfigService, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    keys = [service.issue({"label": "x"}).key for _ in range(10)]
    with django_assert_max_num_queries(8):
        write_callers({key.key_id: seen(1, "a", "b", "c") for key in keys})
    assert KeyCaller.objects.count() == 30


def test_rows_go_with_their_key(root: IssuedKey) -> None:
    write_callers({root.key.key_id: seen(1, "192.0.2.1")})
    root.key.delete()
    assert not KeyCaller.objects.exists()


def test_old_rows_are_pruned(root: IssuedKey, settings: Settings) -> None:
    write_callers({root.key.key_id: {**seen(1, "old", at=T - 91 * 86_400), **seen(1, "new", at=T - 89 * 86_400)}})
    assert prune_callers(NOW, lambda: False) == 0
    assert prune_callers(NOW) == 1
    assert [row["value"] for row in callers_json(root.key)] == ["new"]
    settings.RECORD_CALLERS = False
    assert prune_callers(NOW) == 1


def test_kinds_are_counted_apart(root: IssuedKey) -> None:
    names = [f"n{number}" for number in range(MAX_VALUES)]
    write_callers({root.key.key_id: {**seen(1, *names), **seen(1, *names, kind=CallerKind.SERVICE)}})
    assert Counter(row["kind"] for row in callers_json(root.key)) == {"address": MAX_VALUES, "service": MAX_VALUES}
