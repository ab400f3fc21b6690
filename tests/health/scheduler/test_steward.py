from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import KeyCaller, Usage, UsageRanking
from events.models import Event, Seal
from health.guard_rails.operation import STEWARD_LEASE
from health.models import Lease
from health.scheduler.lease import release_lease, take_lease
from health.scheduler.steward import LEASE_DURATION, Steward
from health.scheduler.tasks import Run, Task, tasks
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.reservation import KEPT_SECONDS, NewReservation
from ratelimit.reservation_id import new_name
from ratelimit.stores import BucketStoreError, MemoryStore
from tests.conftest import Clock

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 1, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9
MINUTE = timedelta(minutes=1)


def test_lease_has_one_holder_at_a_time() -> None:
    assert take_lease("x", "a", now=NOW, duration=MINUTE)
    assert not take_lease("x", "b", now=NOW, duration=MINUTE)
    assert take_lease("x", "a", now=NOW + MINUTE / 2, duration=MINUTE)
    assert not take_lease("x", "b", now=NOW + MINUTE, duration=MINUTE)
    assert take_lease("x", "b", now=NOW + 1.5 * MINUTE, duration=MINUTE)
    assert not take_lease("x", "a", now=NOW + 1.5 * MINUTE, duration=MINUTE)
    assert take_lease("y", "a", now=NOW, duration=MINUTE)


def test_lease_is_released_only_by_its_holder() -> None:
    take_lease("x", "a", now=NOW, duration=MINUTE)
    release_lease("x", "b", now=NOW)
    assert not take_lease("x", "b", now=NOW, duration=MINUTE)
    release_lease("x", "a", now=NOW)
    assert take_lease("x", "b", now=NOW, duration=MINUTE)


def test_only_one_of_two_stewards_runs(root: IssuedKey) -> None:
    store = MemoryStore(lambda: NOW_NS)
    now = [NOW]
    one, two = (Steward(tasks(Limiter(store)), now=lambda: now[0]) for _ in range(2))
    store.take(root.key.key_id.encode(), None)
    assert [one.run_once(), two.run_once()] == [True, False]
    assert Usage.objects.filter(step="minute").get().allowed == 1
    store.take(root.key.key_id.encode(), None)
    now[0] += LEASE_DURATION
    assert [two.run_once(), one.run_once()] == [True, False]
    assert sum(row.allowed for row in Usage.objects.filter(step="minute")) == 2
    two.resign()
    assert Lease.objects.get(name=STEWARD_LEASE).holder == ""
    assert one.run_once()


def test_steward_deletes_reservations_that_ended_long_ago() -> None:
    clock = Clock(NOW_NS)
    store = MemoryStore(clock)
    key, name = b"lk_0123456789ab", new_name(b"lk_0123456789ab")
    store.reserve((key, None, 1, 0, 0, ()), NewReservation(name, key, 60))
    clock.move(60 + KEPT_SECONDS)
    assert Steward(tasks(Limiter(store)), now=lambda: NOW).run_once()
    assert store.forget_ended_reservations() == 0


def test_lease_from_a_clock_ahead_blocks_no_one() -> None:
    take_lease("x", "a", now=NOW + timedelta(days=365), duration=MINUTE)
    assert take_lease("x", "b", now=NOW, duration=MINUTE)


def test_long_work_renews_lease_and_stops_if_it_is_lost() -> None:
    now, asked = [NOW], list[bool]()

    def work(run: Run) -> None:
        for _ in range(3):
            now[0] += timedelta(seconds=20)
            asked.append(run.should_continue())
        take_lease(STEWARD_LEASE, "another", now=now[0] + LEASE_DURATION, duration=LEASE_DURATION)
        now[0] += LEASE_DURATION
        asked.append(run.should_continue())

    steward = Steward(
        (Task("work", work),),
        now=lambda: now[0],
        elapsed=lambda: now[0].timestamp(),
        pause=lambda _seconds: None,
    )
    assert steward.run_once()
    assert asked == [True, True, True, False]


def test_failed_task_is_retried(root: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(lambda: NOW_NS)
    store.take(root.key.key_id.encode(), None)
    steward = Steward(tasks(Limiter(store)), now=lambda: NOW)

    def fail() -> None:
        raise BucketStoreError("no room")

    with monkeypatch.context() as patch, capture_logs() as logged:
        patch.setattr(store, "generation", fail)
        assert steward.run_once()
    (entry,) = [entry for entry in logged if entry["event"] == "steward_task_failed"]
    assert (entry["task"], entry["reason"]) == ("write_usage", "BucketStoreError: no room")
    assert steward.run_once()
    assert Usage.objects.filter(step="minute").get().allowed == 1


def test_old_events_are_pruned_after_delivery(service: ConfigService, settings: Settings) -> None:
    settings.EVENT_RETENTION = timedelta(days=30)
    webhook = service.webhooks.add({"url": "https://hooks.example.test/"}).endpoint
    for _ in range(3):
        service.issue({"label": "x"})
    later = timezone.now() + timedelta(days=31)
    assert Steward(tasks(Limiter(MemoryStore())), now=lambda: later).run_once()
    assert Event.objects.order_by("id")[0].id == webhook.delivered_through + 1
    assert Event.objects.count() >= 3
    service.webhooks.update(webhook.endpoint_id, {"enabled": False})
    assert Steward(tasks(Limiter(MemoryStore())), now=lambda: later + LEASE_DURATION).run_once()
    assert Seal.objects.exists()
    assert not Event.objects.filter(at__lt=later - settings.EVENT_RETENTION).exists()


def test_idle_addresses_are_forgotten(clock: Clock) -> None:
    store = MemoryStore(clock)
    limiter = Limiter(store)
    limit = Limit(20, 60)
    limiter.take_for_address("203.0.113.1", limit)
    store.take(b"lk_000000000000", None)
    clock.move(30)
    limiter.take_for_address("203.0.113.2", limit)
    clock.move(31)
    assert Steward(tasks(limiter), now=lambda: NOW).run_once()
    assert [key for key, _ in store.scan_records()] == [b"ip:203.0.113.2", b"lk_000000000000"]


def test_progress_is_noted_per_task_and_batch() -> None:
    elapsed, seen = [0.0], list[float]()

    def work(run: Run) -> None:
        elapsed[0] += 1
        run.should_continue()
        seen.append(steward.last_progress_at())
        elapsed[0] += 1
        seen.append(steward.last_progress_at())

    steward = Steward((Task("one", work), Task("two", work)), elapsed=lambda: elapsed[0], pause=lambda _seconds: None)
    steward.run_once()
    assert seen == [1, 1, 3, 3]


def test_steward_ranks_usage_and_forgets_callers(root: IssuedKey) -> None:
    times = {"first_seen": NOW - timedelta(days=91), "last_seen": NOW - timedelta(days=91)}
    KeyCaller.objects.create(key=root.key, kind="address", value="192.0.2.1", requests=1, **times)
    Usage.objects.create(key=root.key, step="day", start=NOW, allowed=7)
    assert Steward(tasks(Limiter(MemoryStore(lambda: NOW_NS))), now=lambda: NOW).run_once()
    assert UsageRanking.objects.get().entries["keys"]["allowed"][0]["allowed"] == 7
    assert not KeyCaller.objects.exists()
