from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Sum

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, KeySecret, Usage
from apikeys.usage import RETENTION, UsageLedger, forget_old_usage
from ratelimit.limit import Limit
from ratelimit.stores import MemoryStore
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


class Interrupted(Exception):
    """A writer's sudden end."""


def totals() -> dict[str, int]:
    return Usage.objects.filter(step="minute").aggregate(
        allowed=Sum("allowed", default=0), throttled=Sum("throttled", default=0)
    )


def test_use_is_written_once_by_the_minute(service: ConfigService, clock: Clock) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    ledger, name, limit = UsageLedger(store), key.key_id.encode(), Limit(3, 86400)
    for _ in range(5):
        store.take(name, limit)
    assert ledger.write_down() == 1
    assert ledger.write_down() == 0
    clock.move(60)
    store.take(name, limit)
    ledger.write_down()
    assert list(Usage.objects.filter(step="minute").order_by("start").values_list("allowed", "throttled")) == [
        (3, 2),
        (0, 1),
    ]
    assert [row.start.second for row in Usage.objects.filter(step="minute")] == [0, 0]
    for step in ("hour", "day"):
        rows = Usage.objects.filter(step=step)
        assert (sum(row.allowed for row in rows), sum(row.throttled for row in rows)) == (3, 3)
        assert {(row.start.minute, row.start.second) for row in rows} == {(0, 0)}
    key.refresh_from_db()
    assert key.last_used_at == datetime.fromtimestamp(clock.seconds(), UTC)


def test_a_writer_that_dies_loses_nothing_and_counts_nothing_twice(
    service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    for _ in range(4):
        store.take(key.key_id.encode(), None)

    def die(*_: object) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr("apikeys.usage._note_last_use", die)
        with pytest.raises(Interrupted):
            UsageLedger(store).write_down()
    assert totals() == {"allowed": 0, "throttled": 0}
    UsageLedger(store).write_down()
    UsageLedger(store).write_down()
    assert totals() == {"allowed": 4, "throttled": 0}


def test_lost_store_contents_begin_a_new_count(service: ConfigService, clock: Clock) -> None:
    key = service.issue({"label": "x"}).key
    for _ in range(2):
        store = MemoryStore(clock)
        store.take(key.key_id.encode(), None)
        UsageLedger(store).write_down()
    assert totals()["allowed"] == 2


def test_a_clock_that_steps_back_hides_no_use(service: ConfigService, clock: Clock) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    ledger = UsageLedger(store)
    store.take(key.key_id.encode(), None)
    ledger.write_down()
    clock.move(-3600)
    store.take(key.key_id.encode(), None)
    ledger.write_down()
    assert totals()["allowed"] == 2


def test_a_record_that_was_lost_and_begun_anew_stops_nothing(service: ConfigService, clock: Clock) -> None:
    store = MemoryStore(clock)
    ledger = UsageLedger(store)
    lost, other = (service.issue({"label": "x"}).key.key_id.encode() for _ in range(2))
    for _ in range(5):
        store.take(lost, None)
    ledger.write_down()
    store.forget(lost)
    store.take(lost, None)
    store.take(other, None)
    assert ledger.write_down() == 2
    assert totals()["allowed"] == 7


def test_a_request_that_is_written_late_is_seen(service: ConfigService, clock: Clock) -> None:
    store = MemoryStore(clock)
    ledger, key = UsageLedger(store), service.issue({"label": "x"}).key.key_id.encode()
    ledger.write_down()
    clock.move(-1.5)
    store.take(key, None)
    clock.move(1.5)
    assert ledger.write_down() == 1


def test_what_is_no_key_is_passed_over(service: ConfigService, clock: Clock) -> None:
    store = MemoryStore(clock)
    for name in (b"ip:203.0.113.7", b"selftest:1", b"lk_000000000000"):
        store.take(name, None)
    assert UsageLedger(store).write_down() == 0


def test_more_keys_than_one_batch(service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apikeys.usage.BATCH", 3)
    store = MemoryStore(clock)
    for _ in range(7):
        store.take(service.issue({"label": "x"}).key.key_id.encode(), None)
    assert UsageLedger(store).write_down() == 7
    assert totals()["allowed"] == 7
    assert APIKey.objects.filter(last_used_at__isnull=True).count() == 0


def test_last_use_is_the_secrets_own(root: IssuedKey, service: ConfigService) -> None:
    store = MemoryStore()
    service.rotate(root.key.key_id)
    store.take(root.key.key_id.encode(), None, slot=1)
    UsageLedger(store).write_down()
    used = dict(KeySecret.objects.values_list("slot", "last_used_at"))
    assert used[0] is None
    assert used[1] is not None


def test_old_rows_go_by_the_retention_of_their_step(service: ConfigService) -> None:
    key, now = service.issue({"label": "x"}).key, datetime(2027, 1, 31, 12, tzinfo=UTC)
    for step, retention in RETENTION.items():
        for age in (retention + timedelta(seconds=1), retention):
            Usage.objects.create(key=key, step=step, start=now - age, allowed=1)
    assert forget_old_usage(now) == 3
    assert {(row.step, now - row.start) for row in Usage.objects.all()} == {
        (step.value, retention) for step, retention in RETENTION.items()
    }


def test_writers_that_overlap_count_nothing_twice(
    service: ConfigService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    name, late = key.key_id.encode(), UsageLedger(store)
    for _ in range(5):
        store.take(name, None)
    write_batch = late._write_batch

    def be_overtaken(key_ids: list[str], generation: str) -> int:
        """Another writer comes between what this one has read and what it writes."""
        for _ in range(10):
            store.take(name, None)
        UsageLedger(store).write_down()
        return write_batch(key_ids, generation)

    monkeypatch.setattr(late, "_write_batch", be_overtaken)
    late.write_down()
    UsageLedger(store).write_down()
    assert totals() == {"allowed": 15, "throttled": 0}


def test_a_writer_that_has_to_stop_goes_on_later(service: ConfigService, clock: Clock) -> None:
    store, key = MemoryStore(clock), service.issue({"label": "x"}).key
    store.take(key.key_id.encode(), None)
    ledger = UsageLedger(store)
    assert ledger.write_down(lambda: False) == 0
    assert ledger.write_down() == 1
