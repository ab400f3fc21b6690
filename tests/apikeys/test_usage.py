from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, KeySecret, Usage, UsageMark, UsageSource, UsageStep, UsageTotal
from apikeys.usage.batch import Counted, Written, write_batch
from apikeys.usage.high_water_marks import GONE_AFTER, prune_marks
from apikeys.usage.points import points_of
from apikeys.usage.retention import RETENTION, prune_usage
from apikeys.usage.rollup import UsageRollup
from ratelimit.limit import Limit
from ratelimit.stores import MemoryStore
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Interrupted(Exception):
    """A writer's sudden end."""


def totals() -> dict[str, int]:
    return Usage.objects.filter(step="minute").aggregate(
        allowed=Sum("allowed", default=0), throttled=Sum("throttled", default=0)
    )


def test_usage_is_written_once(service: ConfigService, clock: Clock) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    rollup, name, limit = UsageRollup(store), key.key_id.encode(), Limit(3, 86400)
    for _ in range(5):
        store.take(name, limit)
    assert rollup.write_pending() == 1
    assert rollup.write_pending() == 0
    clock.move(60)
    store.take(name, limit)
    rollup.write_pending()
    assert list(Usage.objects.filter(step="minute").order_by("start").values_list("allowed", "throttled")) == [
        (3, 2),
        (0, 1),
    ]
    assert [row.start.second for row in Usage.objects.filter(step="minute")] == [0, 0]
    for step in (UsageStep.HOUR, UsageStep.DAY):
        points = points_of([key.pk], step, EARLIEST)[key.pk]
        assert (sum(point.allowed for point in points), sum(point.throttled for point in points)) == (3, 3)
        assert {(point.start.minute, point.start.second) for point in points} == {(0, 0)}
    key.refresh_from_db()
    assert key.last_used_at == datetime.fromtimestamp(clock.seconds(), UTC)


def test_killed_writer_loses_and_repeats_nothing(
    service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    for _ in range(4):
        store.take(key.key_id.encode(), None)

    def die_before_commit(counted: Counted) -> Written:
        with transaction.atomic():
            write_batch(counted)
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr("apikeys.usage.rollup.write_batch", die_before_commit)
        with pytest.raises(Interrupted):
            UsageRollup(store).write_pending()
    assert totals() == {"allowed": 0, "throttled": 0}
    UsageRollup(store).write_pending()
    UsageRollup(store).write_pending()
    assert totals() == {"allowed": 4, "throttled": 0}


def test_lost_store_contents_start_new_count(service: ConfigService, clock: Clock) -> None:
    key = service.issue({"label": "x"}).key
    for _ in range(2):
        store = MemoryStore(clock)
        store.take(key.key_id.encode(), None)
        UsageRollup(store).write_pending()
    assert totals()["allowed"] == 2


def test_clock_set_back_hides_no_usage(service: ConfigService, clock: Clock) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    rollup = UsageRollup(store)
    store.take(key.key_id.encode(), None)
    rollup.write_pending()
    clock.move(-3600)
    store.take(key.key_id.encode(), None)
    rollup.write_pending()
    assert totals()["allowed"] == 2


def test_lost_and_restarted_record_is_counted(service: ConfigService, clock: Clock) -> None:
    store = MemoryStore(clock)
    rollup = UsageRollup(store)
    lost, other = (service.issue({"label": "x"}).key.key_id.encode() for _ in range(2))
    for _ in range(5):
        store.take(lost, None)
    rollup.write_pending()
    store.forget(lost)
    store.take(lost, None)
    store.take(other, None)
    assert rollup.write_pending() == 2
    assert totals()["allowed"] == 7


def test_late_record_is_counted(service: ConfigService, clock: Clock) -> None:
    store = MemoryStore(clock)
    rollup, key = UsageRollup(store), service.issue({"label": "x"}).key.key_id.encode()
    rollup.write_pending()
    clock.move(-1.5)
    store.take(key, None)
    clock.move(1.5)
    assert rollup.write_pending() == 1


def test_other_records_are_ignored(service: ConfigService, clock: Clock) -> None:
    store = MemoryStore(clock)
    for name in (b"ip:203.0.113.7", b"selftest:1", b"lk_000000000000"):
        store.take(name, None)
    assert UsageRollup(store).write_pending() == 0


def test_several_batches(service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apikeys.usage.batch_size.FIRST", 3)
    store, batches = MemoryStore(clock), count()
    for _ in range(7):
        store.take(service.issue({"label": "x"}).key.key_id.encode(), None)
    assert UsageRollup(store).write_pending(lambda: next(batches) >= 0) == 7
    assert next(batches) > 1
    assert totals()["allowed"] == 7
    assert all(key.last_used_at for key in APIKey.objects.all())


def test_last_use_belongs_to_secret(root: IssuedKey, service: ConfigService) -> None:
    store = MemoryStore()
    service.rotate(root.key.key_id)
    store.take(root.key.key_id.encode(), None, slot=1)
    UsageRollup(store).write_pending()
    used = {secret.slot: secret.last_used_at for secret in KeySecret.objects.all()}
    assert used[0] is None
    assert used[1] is not None


def test_prune_follows_retention_of_step(service: ConfigService) -> None:
    key, now = service.issue({"label": "x"}).key, datetime(2027, 1, 31, 12, tzinfo=UTC)
    for step, retention in RETENTION.items():
        for age in (retention + timedelta(seconds=1), retention):
            Usage.objects.create(key=key, step=step, start=now - age, allowed=1)
    assert prune_usage(now) == 3
    assert {(row.step, now - row.start) for row in Usage.objects.all()} == {
        (step.value, retention) for step, retention in RETENTION.items()
    }


def test_concurrent_writers_count_once(service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    name, late = key.key_id.encode(), UsageRollup(store)
    for _ in range(5):
        store.take(name, None)

    def be_overtaken(counted: Counted) -> Written:
        """Another writer comes between what this one has read and what it writes."""
        monkeypatch.setattr("apikeys.usage.rollup.write_batch", write_batch)
        for _ in range(10):
            store.take(name, None)
        UsageRollup(store).write_pending()
        return write_batch(counted)

    monkeypatch.setattr("apikeys.usage.rollup.write_batch", be_overtaken)
    late.write_pending()
    UsageRollup(store).write_pending()
    assert totals() == {"allowed": 15, "throttled": 0}


def test_stopped_writer_continues_later(service: ConfigService, clock: Clock) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    store.take(key.key_id.encode(), None)
    rollup = UsageRollup(store)
    assert rollup.write_pending(lambda: False) == 0
    assert rollup.write_pending() == 1


class ReplicatedStore(MemoryStore):
    """A store whose counters a failover may take back."""

    rolls_back = True

    def fail_over(self, key: bytes, *, lost: int) -> None:
        """A replica takes over that has not heard of the last `lost` requests."""
        record = self.peek(key)
        self._records[key] = record._replace(allowed=record.allowed - lost).dump()


def test_two_stores_add_up(service: ConfigService, clock: Clock) -> None:
    shared, own = MemoryStore(clock), MemoryStore(clock)
    name = service.issue({"label": "x"}).key.key_id.encode()
    rollups = [UsageRollup(shared), UsageRollup(own)]
    for taken_of_shared, taken_of_own in ((3, 2), (1, 0), (0, 4), (2, 2)):
        for store, taken in ((shared, taken_of_shared), (own, taken_of_own)):
            for _ in range(taken):
                store.take(name, None)
        for rollup in rollups:
            rollup.write_pending()
    assert totals()["allowed"] == 14
    assert sorted(UsageMark.objects.values_list("allowed", flat=True)) == [6, 8]


def test_concurrent_rollups_of_two_stores_lose_nothing(
    service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, own = MemoryStore(clock), MemoryStore(clock)
    name, late = service.issue({"label": "x"}).key.key_id.encode(), UsageRollup(shared)
    for store in (shared, own, own):
        store.take(name, None)

    def be_overtaken(counted: Counted) -> Written:
        monkeypatch.setattr("apikeys.usage.rollup.write_batch", write_batch)
        UsageRollup(own).write_pending()
        return write_batch(counted)

    monkeypatch.setattr("apikeys.usage.rollup.write_batch", be_overtaken)
    late.write_pending()
    assert totals()["allowed"] == UsageTotal.objects.get(step="day").allowed == 3


def test_rolled_back_store_counts_nothing_twice(service: ConfigService, clock: Clock) -> None:
    store = ReplicatedStore(clock)
    rollup, name = UsageRollup(store), service.issue({"label": "x"}).key.key_id.encode()
    for _ in range(10):
        store.take(name, None)
    rollup.write_pending()
    store.fail_over(name, lost=4)
    store.take(name, None)
    assert rollup.write_pending() == 0
    assert (totals()["allowed"], UsageMark.objects.get().allowed) == (10, 7)
    for _ in range(2):
        store.take(name, None)
    assert rollup.write_pending() == 1
    assert totals()["allowed"] == 12


def test_rolled_back_store_counts_growth(service: ConfigService, clock: Clock) -> None:
    store, limit = ReplicatedStore(clock), Limit(3, 86400)
    rollup, name = UsageRollup(store), service.issue({"label": "x"}).key.key_id.encode()
    for _ in range(4):
        store.take(name, limit)
    rollup.write_pending()
    store.fail_over(name, lost=2)
    store.take(name, limit)
    rollup.write_pending()
    assert totals() == {"allowed": 3, "throttled": 2}


def test_last_use_never_moves_back(service: ConfigService, clock: Clock) -> None:
    own, shared = MemoryStore(Clock(clock.ns)), MemoryStore(clock)
    key = service.issue({"label": "x"}).key
    own.take(key.key_id.encode(), None)
    clock.move(3600)
    shared.take(key.key_id.encode(), None)
    for store in (shared, own):
        UsageRollup(store).write_pending()
    used_at = datetime.fromtimestamp(clock.seconds(), UTC)
    assert APIKey.objects.get().last_used_at == KeySecret.objects.get().last_used_at == used_at
    assert totals()["allowed"] == 2


def test_marks_of_unused_stores_are_pruned(
    service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apikeys.usage.high_water_marks._PRUNE_BATCH", 2)
    gone, living = MemoryStore(clock), MemoryStore(clock)
    for name in [service.issue({"label": "x"}).key.key_id.encode() for _ in range(3)]:
        for store in (gone, living):
            store.take(name, None)
    for store in (gone, living):
        UsageRollup(store).write_pending()
    UsageSource.objects.update(seen_at=timezone.now() - GONE_AFTER + timedelta(minutes=1))
    assert prune_marks() == 0
    UsageSource.objects.update(seen_at=timezone.now() - GONE_AFTER)
    UsageRollup(living).write_pending()
    assert prune_marks(lambda: False) == 0
    assert prune_marks() == 3
    assert {source.generation for source in UsageSource.objects.all()} == {living.generation(), "archive"}
    assert UsageMark.objects.filter(source__generation=living.generation()).count() == 3
    assert UsageRollup(living).write_pending() == 0
