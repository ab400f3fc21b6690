"""How usage by unit is written: once, by any number of writers and if the store loses some, and how long it is kept."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import UnitMark, UnitUsage, Usage, UsageSource, UsageStep, UsageTotal
from apikeys.usage.batch import Written
from apikeys.usage.high_water_marks import GONE_AFTER, prune_marks, source_of
from apikeys.usage.retention import RETENTION, kept_shorter, prune_usage, stored_rows
from apikeys.usage.rollup import UsageRollup
from apikeys.usage.steps import STEPS, step_start
from apikeys.usage.units import CountedUnits, write_units
from latchkey.timestamps import from_ns
from ratelimit.stores import MemoryStore
from ratelimit.unit_counters import TOTALS, UnitCounter, added, claims_on_units, name_of
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


class Interrupted(Exception):
    """A writer's sudden end."""


class Replicated(MemoryStore):
    """A store whose counters a failover may take back."""

    rolls_back = True


class Emptied(MemoryStore):
    """A store that is emptied, and used again, when the first pass over its counters begins."""

    def scan_units(self, since_s: int = 0) -> Iterator[tuple[bytes, UnitCounter]]:
        names = [name for name, _ in super().scan_units()]
        if not self._generation.startswith("next"):
            self._generation = f"next-{self._generation}"
            self._counters.clear()
            for name in names:
                take(self, name.split(b":")[1], tokens=3)
        return super().scan_units(since_s)


@pytest.fixture
def key(service: ConfigService) -> bytes:
    return service.issue({"label": "x"}).key.key_id.encode()


def take(store: MemoryStore, key: bytes, **costs: int) -> None:
    assert store.take(key, None, claims=claims_on_units(key, costs))[0]


def set_counter(store: MemoryStore, key: bytes, charged: int, returned: int, clock: Clock) -> None:
    now_s = clock.ns // 10**9
    store._counters[name_of(key, "tokens")] = added(None, now_s, charged, returned, now_s)


def minutes() -> list[tuple[str, int, int]]:
    rows = UnitUsage.objects.filter(step="minute").order_by("start", "unit")
    return list(rows.values_list("unit", "charged", "returned"))


def test_counters_of_a_store_that_was_emptied_during_a_pass_are_written_once(key: bytes, clock: Clock) -> None:
    store = Emptied(clock)
    take(store, key, tokens=800)
    rollup = UsageRollup(store)
    for _ in range(3):
        rollup.write_pending()
    # What the store lost before a pass had read it is lost.
    assert minutes() == [("tokens", 3, 0)]


def test_usage_is_written_once(key: bytes, clock: Clock) -> None:
    store = MemoryStore(clock)
    rollup = UsageRollup(store)
    take(store, key, tokens=800, images=1)
    assert [rollup.write_pending(), rollup.write_pending()] == [1, 0]
    assert minutes() == [("images", 1, 0), ("tokens", 800, 0)]
    clock.move(60)
    take(store, key, tokens=5)
    rollup.write_pending()
    assert minutes() == [("images", 1, 0), ("tokens", 800, 0), ("tokens", 5, 0)]
    for step in ("hour", "day"):
        rows = UnitUsage.objects.filter(step=step, unit="tokens")
        assert list(rows.values_list("start", "charged")) == [(step_start(UsageStep(step), from_ns(clock.ns)), 805)]
    assert stored_rows() == UnitUsage.objects.count() + Usage.objects.count()


def test_total_that_begins_again_is_ahead_of_its_mark(key: bytes, clock: Clock) -> None:
    store = Replicated(clock)
    rollup = UsageRollup(store)
    for charged in (TOTALS // 2 - 1, TOTALS - 5, 6, 7):
        set_counter(store, key, charged, 0, clock)
        rollup.write_pending()
    assert minutes() == [("tokens", TOTALS + 7, 0)]
    # It went back over the end.
    for charged in (TOTALS - 1, 2):
        set_counter(store, key, charged, 0, clock)
        rollup.write_pending()
    assert minutes() == [("tokens", TOTALS + 10, 0)]


def test_row_that_is_full_stays_full(key: bytes, clock: Clock) -> None:
    store = MemoryStore(clock)
    take(store, key, tokens=3)
    UsageRollup(store).write_pending()
    UnitUsage.objects.update(charged=(1 << 63) - 2)
    take(store, key, tokens=3)
    UsageRollup(store).write_pending()
    assert set(UnitUsage.objects.values_list("charged", "returned")) == {((1 << 63) - 1, 0)}


def test_keys_without_such_costs_have_no_rows(key: bytes, clock: Clock) -> None:
    store = MemoryStore(clock)
    store.take(key, None)
    with CaptureQueriesContext(connection) as queries:
        UsageRollup(store).write_pending()
    assert not [query for query in queries if "unit" in query["sql"]]
    assert (UnitUsage.objects.count(), UnitMark.objects.count(), Usage.objects.count()) == (0, 0, 1)


def test_killed_writer_loses_and_repeats_nothing(key: bytes, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(clock)
    take(store, key, tokens=800)

    def die_before_commit(counted: CountedUnits) -> Written:
        with transaction.atomic():
            assert write_units(counted).used == 1
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr("apikeys.usage.rollup.write_units", die_before_commit)
        with pytest.raises(Interrupted):
            UsageRollup(store).write_pending()
    assert minutes() == []
    for _ in range(2):
        UsageRollup(store).write_pending()
    assert minutes() == [("tokens", 800, 0)]


def test_slower_writer_writes_nothing(key: bytes, clock: Clock) -> None:
    store, name = MemoryStore(clock), name_of(key, "tokens")
    source = source_of(store.generation())
    take(store, key, tokens=800)
    earlier = CountedUnits({name.decode(): store.unit_counters([name])[0]}, source, rolls_back=False)
    take(store, key, tokens=5)
    UsageRollup(store).write_pending()
    written = write_units(earlier)
    assert (written.used, written.overtaken, written.below) == (0, 0, (name.decode(),))
    assert minutes() == [("tokens", 805, 0)]


def test_lost_record_starts_again_and_all_of_it_is_new(key: bytes, clock: Clock) -> None:
    store = MemoryStore(clock)
    rollup = UsageRollup(store)
    for charged, returned in ((800, 288), (7, 3)):
        set_counter(store, key, charged, returned, clock)
        rollup.write_pending()
    assert minutes() == [("tokens", 807, 291)]


def test_store_that_went_back_doubles_nothing(key: bytes, clock: Clock) -> None:
    store = Replicated(clock)
    rollup = UsageRollup(store)
    # The replica has the charge of 800, and not what was given back of it. It is settled once more.
    for charged, returned in ((800, 0), (900, 288), (800, 0), (800, 288)):
        set_counter(store, key, charged, returned, clock)
        rollup.write_pending()
    assert minutes() == [("tokens", 900, 576)]


def test_several_stores_count_for_a_key(key: bytes, clock: Clock) -> None:
    for charged in (800, 5):
        store = MemoryStore(clock)
        take(store, key, tokens=charged)
        UsageRollup(store).write_pending()
    assert minutes() == [("tokens", 805, 0)]
    assert UnitMark.objects.count() == 2


def test_marks_of_gone_stores_are_deleted(key: bytes, clock: Clock) -> None:
    store = MemoryStore(clock)
    take(store, key, tokens=800)
    UsageRollup(store).write_pending()
    assert prune_marks() == 0
    UsageSource.objects.filter(generation=store.generation()).update(
        seen_at=timezone.now() - GONE_AFTER - timedelta(days=1)
    )
    prune_marks()
    assert not UnitMark.objects.exists()
    assert not UsageSource.objects.filter(generation=store.generation()).exists()
    assert minutes() == [("tokens", 800, 0)]


def test_old_rows_are_deleted(key: bytes, clock: Clock, service: ConfigService) -> None:
    now = from_ns(clock.ns)
    pk = service.issue({"label": "other"}).key.pk
    for step, retention in RETENTION.items():
        for start in (now - retention - STEPS[step.value], now):
            UnitUsage.objects.create(key_id=pk, step=step, start=start, unit="tokens", charged=1)
            UsageTotal.objects.create(step=step, start=start, unit_rows=1)
    assert prune_usage(now) == 3
    assert set(UnitUsage.objects.values_list("start", flat=True)) == {now}
    assert stored_rows() == 3


def test_total_without_requests_shortens_nothing(clock: Clock, service: ConfigService) -> None:
    """A change that was written to a quarter before the first request that is known."""
    now, pk = from_ns(clock.ns), service.issue({"label": "other"}).key.pk
    UsageTotal.objects.create(step="minute", start=now - timedelta(hours=9), unit_rows=1)
    UsageTotal.objects.create(step="minute", start=now, allowed=1, keys=1)
    Usage.objects.create(key_id=pk, step="minute", start=now, allowed=1)
    assert kept_shorter(now) == {}


def test_oldest_minutes_go_first_beyond_usage_rows(clock: Clock, service: ConfigService, settings: Any) -> None:
    now, pk = from_ns(clock.ns), service.issue({"label": "other"}).key.pk
    for minute in range(120):
        start = now - timedelta(minutes=minute)
        for unit in ("a", "b"):
            UnitUsage.objects.create(key_id=pk, step="minute", start=start, unit=unit, charged=1)
        Usage.objects.create(key_id=pk, step="minute", start=start, allowed=1)
        UsageTotal.objects.create(step="minute", start=start, allowed=1, keys=1, unit_rows=2)
    settings.USAGE_ROWS = stored_rows() - 30
    assert prune_usage(now) == 30
    assert (UnitUsage.objects.count(), Usage.objects.count(), stored_rows()) == (220, 110, 330)
