"""Idle counters are deleted with their marks, and what they count later is written in full."""

import pytest

from apikeys.config_service import ConfigService
from apikeys.models import UnitMark, UnitUsage
from apikeys.usage import rollup as rollups
from apikeys.usage.batch import Written
from apikeys.usage.idle_counters import BATCH, forget_idle_counters
from apikeys.usage.rollup import UsageRollup
from apikeys.usage.units import CountedUnits, write_units
from ratelimit.idle_counters import UNUSED_SECONDS
from ratelimit.stores import MemoryStore
from ratelimit.unit_counters import claims_on_units
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


class Replicated(MemoryStore):
    """A store whose counters a failover may take back."""

    rolls_back = True


def charged(unit: str) -> int:
    return sum(UnitUsage.objects.filter(step="day", unit=unit).values_list("charged", flat=True))


def take(store: MemoryStore, key: bytes, unit: str, cost: int) -> None:
    assert store.take(key, None, claims=claims_on_units(key, {unit: cost}))[0]


def test_usage_after_the_deletion_is_written_in_full(service: ConfigService, clock: Clock) -> None:
    store, key = Replicated(clock), service.issue({"label": "x"}).key.key_id.encode()
    rollup = UsageRollup(store)
    take(store, key, "tokens", 800)
    rollup.write_pending()
    clock.move(UNUSED_SECONDS)
    take(store, key, "images", 3)
    assert forget_idle_counters(store) == 0
    clock.move(60)
    assert forget_idle_counters(store) == 1
    assert {*UnitMark.objects.values_list("unit", flat=True)} == set()
    take(store, key, "tokens", 5)
    rollup.write_pending()
    assert (charged("tokens"), charged("images")) == (805, 3)


def test_what_no_pass_has_written_is_written_first(service: ConfigService, clock: Clock) -> None:
    store, key = Replicated(clock), service.issue({"label": "x"}).key.key_id.encode()
    take(store, key, "tokens", 800)
    clock.move(UNUSED_SECONDS + 60)
    assert forget_idle_counters(store) == 1
    assert (charged("tokens"), UnitMark.objects.count(), [*store.scan_units()]) == (800, 0, [])


def test_counters_of_keys_that_are_gone_are_deleted_in_batches(db: None, clock: Clock) -> None:
    store = Replicated(clock)
    for number in range(BATCH + 5):
        take(store, f"lk_{number:012}".encode(), "tokens", 1)
    clock.move(UNUSED_SECONDS + 60)
    answers = iter([True, False])
    assert forget_idle_counters(store, lambda: next(answers)) == BATCH
    assert forget_idle_counters(store) == 5


def test_a_pass_that_has_read_a_counter_before_its_deletion_counts_it_once(
    service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Replicated(clock), service.issue({"label": "x"}).key.key_id.encode()
    take(store, key, "tokens", 800)
    UsageRollup(store).write_pending()
    clock.move(UNUSED_SECONDS + 60)
    deleted: list[int] = []

    def write_late(counted: CountedUnits) -> Written:
        if not deleted:
            deleted.append(forget_idle_counters(store))
        return write_units(counted)

    monkeypatch.setattr(rollups, "write_units", write_late)
    # A new process reads every counter, as here.
    UsageRollup(store).write_pending()
    assert (deleted, charged("tokens"), UnitMark.objects.count()) == ([1], 800, 0)
