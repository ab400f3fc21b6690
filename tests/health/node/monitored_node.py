"""A node with its stores and clock, for tests of its monitor."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import OperationalError
from django.db.models import Sum
from django.utils import timezone

from apikeys.models import Usage
from events.models import Event as LogEvent
from health.incidents import open_incidents
from health.models import StoreOutage
from health.node.identity import Node
from health.scheduler.node_monitor import NodeMonitor
from health.scheduler.steward import Steward
from health.scheduler.tasks import tasks
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError, LmdbStore, MemoryStore
from ratelimit.stores.fallback import FallbackStore
from ratelimit.stores.fallback_mode import FallbackMode
from tests.conftest import Clock

LIMIT = Limit(100, 86_400)


class Primary(MemoryStore):
    """Store that all nodes share, as one of them sees it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.reconciled: list[str] = []
        self.is_down = False

    def ping(self) -> None:
        if self.is_down:
            raise BucketStoreError("redis://example: no answer")

    def shift_debt(self, key: bytes, *_: object, **__: object) -> None:
        self.ping()
        self.reconciled.append(key.decode())


class MonitoredNode:
    """Node: its stores, its own process, and its clock."""

    def __init__(self, name: str, data_dir: Path, clock: Clock, mode: FallbackMode = FallbackMode.LOCAL) -> None:
        self.primary = Primary(clock)
        self.local = None if mode is FallbackMode.DENY else LmdbStore(data_dir / name, clock)
        self.store = FallbackStore(cast(Any, self.primary), self.local, mode, async_store=cast(Any, object()))
        self.node = Node(name * 32, f"web-{name}")
        self.clock = clock
        self.monitor = self.start_monitor()

    def start_monitor(self) -> NodeMonitor:
        """Start its monitor, as when the host starts."""
        self.monitor = NodeMonitor(self.store, self.node, elapsed=self.clock.seconds)
        return self.monitor

    def check(self, times: int = 1) -> None:
        """Run this many checks, each when it is due."""
        with pytest.MonkeyPatch.context() as process:
            process.setattr("health.guard_rails.operation.default_limiter", lambda: Limiter(self.store))
            for _ in range(times):
                self.clock.move(self.monitor.check())

    def run_steward(self) -> None:
        """Run its steward once; it holds the lease."""
        with pytest.MonkeyPatch.context() as process:
            process.setattr("health.guard_rails.operation.default_limiter", lambda: Limiter(self.store))
            assert Steward(tasks(Limiter(self.store)), holder="the-same").run_once()

    def decide_locally(self, key_id: str, times: int) -> None:
        """Take tokens from its local buckets for this many requests."""
        assert self.local
        for _ in range(times):
            assert self.local.take(key_id.encode(), None if self.store.mode is FallbackMode.ALLOW else LIMIT)[0]


StartNode = Callable[..., MonitoredNode]


def reported() -> list[str]:
    """Return the statuses of the bucket store that events have reported."""
    events = LogEvent.objects.filter(type="HealthChanged").order_by("id")
    return [event.data["status"] for event in events if event.data["component"] == "bucket_store"]


def incident_detail() -> str:
    (incident,) = open_incidents()
    return f"{incident.count}: {incident.detail}"


def written_usage(key_id: str) -> tuple[int, int]:
    """Return the requests in the rows of minutes: allowed, throttled."""
    rows = Usage.objects.filter(step="minute", key__key_id=key_id)
    sums = rows.aggregate(allowed=Sum("allowed", default=0), throttled=Sum("throttled", default=0))
    return sums["allowed"], sums["throttled"]


def raise_outage(*_: object, **__: object) -> None:
    """Fail as a database that is down."""
    raise OperationalError("away")


@contextmanager
def database_outage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", raise_outage)
        yield


def expire_outages() -> None:
    """Make all outages as old as if no node had renewed them for 16 seconds."""
    StoreOutage.objects.update(seen_at=timezone.now() - timedelta(seconds=16))
