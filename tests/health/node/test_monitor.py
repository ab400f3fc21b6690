"""Nodes that are cut off from the bucket store: told at once and in turns, and nothing of what they decided is lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest
from django.db import OperationalError
from django.db.models import Sum
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import Usage
from apikeys.usage.rollup import UsageLedger
from events.models import Event as LogEvent
from health.incidents import open_incidents
from health.models import StoreOutage
from health.node.identity import Node
from health.node.monitor import CONFIRM_SECONDS, LOOK_SECONDS, NodeWatch
from health.scheduler.steward import Steward
from health.scheduler.tasks import tasks
from ratelimit.bucket import Record
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStore, BucketStoreError, LmdbStore, MemoryStore
from ratelimit.stores.fallback import Fallback, FallbackStore
from tests.conftest import Clock

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = Limit(100, 86_400)


class Primary(MemoryStore):
    """The store that all nodes share, as one of them sees it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.charged: list[str] = []
        self.away = False

    def ping(self) -> None:
        if self.away:
            raise BucketStoreError("redis://example: no answer")

    def shift_debt(self, key: bytes, *_: object, **__: object) -> None:
        self.ping()
        self.charged.append(key.decode())


class WatchedNode:
    """A host: its stores, its own process, and its clock."""

    def __init__(self, name: str, data_dir: Path, clock: Clock, mode: Fallback = Fallback.LOCAL) -> None:
        self.primary = Primary(clock)
        self.local = None if mode is Fallback.DENY else LmdbStore(data_dir / name, clock)
        self.store = FallbackStore(cast(Any, self.primary), self.local, mode, on_loop=cast(Any, object()))
        self.node = Node(name * 32, f"web-{name}")
        self.clock = clock
        self.watch = self.begin()

    def begin(self) -> NodeWatch:
        """Its watch begins, as when the host starts."""
        self.watch = NodeWatch(self.store, self.node, elapsed=self.clock.seconds)
        return self.watch

    def look(self, times: int = 1) -> None:
        """Looks as often, each time when it is due."""
        with pytest.MonkeyPatch.context() as process:
            process.setattr("health.guard_rails.operation.default_limiter", lambda: Limiter(self.store))
            for _ in range(times):
                self.clock.move(self.watch.look())

    def turn(self) -> None:
        """A turn of its steward, which holds the lease."""
        with pytest.MonkeyPatch.context() as process:
            process.setattr("health.guard_rails.operation.default_limiter", lambda: Limiter(self.store))
            assert Steward(tasks(Limiter(self.store)), holder="the-same").turn()

    def decides(self, key_id: str, times: int) -> None:
        """Requests that it lets pass by itself."""
        assert self.local
        for _ in range(times):
            assert self.local.take(key_id.encode(), None if self.store.mode is Fallback.ALLOW else LIMIT)[0]


StartNode = Callable[..., WatchedNode]


@pytest.fixture
def start_node(tmp_path: Path, clock: Clock) -> Iterator[StartNode]:
    nodes: list[WatchedNode] = []

    def start(name: str, mode: Fallback = Fallback.LOCAL) -> WatchedNode:
        nodes.append(WatchedNode(name, tmp_path, clock, mode))
        nodes[-1].look()
        return nodes[-1]

    yield start
    for node in nodes:
        node.store.close()


def told() -> list[str]:
    """What HealthChanged has told of the bucket store."""
    events = LogEvent.objects.filter(type="HealthChanged").order_by("id")
    return [event.data["status"] for event in events if event.data["component"] == "bucket_store"]


def detail() -> str:
    (incident,) = open_incidents()
    return f"{incident.count}: {incident.detail}"


def written(key_id: str) -> tuple[int, int]:
    """Requests in the rows of minutes: let pass, throttled."""
    rows = Usage.objects.filter(step="minute", key__key_id=key_id)
    sums = rows.aggregate(allowed=Sum("allowed", default=0), throttled=Sum("throttled", default=0))
    return sums["allowed"], sums["throttled"]


def away(*_: object, **__: object) -> None:
    """What the database says while it is not there."""
    raise OperationalError("away")


def lapse() -> None:
    """All nodes have said nothing for 15 seconds."""
    StoreOutage.objects.update(seen_at=timezone.now() - timedelta(seconds=16))


def test_an_outage_is_told_within_a_second_and_so_is_its_end(start_node: StartNode, clock: Clock) -> None:
    node = start_node("a")
    node.primary.away, began = True, clock.seconds()
    node.look(2)
    assert told() == ["degraded"]
    assert detail() == (
        "1: The bucket store does not respond to 1 node (web-a); each disconnected node decides on its own, so "
        "limits apply per node."
    )
    assert clock.seconds() - began <= 2 * LOOK_SECONDS
    node.look(30)
    node.primary.away = False
    node.look(2)
    assert told() == ["degraded", "ok"]
    assert not StoreOutage.objects.exists()
    node.look(30)
    assert told() == ["degraded", "ok"]


def test_a_look_that_fails_is_soon_confirmed_and_alone_tells_nothing(start_node: StartNode) -> None:
    node = start_node("a")
    node.primary.away = True
    assert node.watch.look() == CONFIRM_SECONDS
    node.primary.away = False
    assert node.watch.look() == LOOK_SECONDS
    assert (told(), StoreOutage.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("mode", "meanwhile"),
    [
        (Fallback.DENY, "requests with a key get 503."),
        (Fallback.ALLOW, "every request with a valid key is allowed, without a limit."),
    ],
)
def test_what_the_fallback_does_is_told(start_node: StartNode, mode: Fallback, meanwhile: str) -> None:
    node = start_node("a", mode)
    node.primary.away = True
    node.look(2)
    assert detail() == f"1: The bucket store does not respond to 1 node (web-a); {meanwhile}"
    node.primary.away = False
    node.look(2)
    assert told() == ["degraded", "ok"]


def test_of_two_nodes_the_first_to_go_and_the_last_to_return_are_told(start_node: StartNode) -> None:
    one, other = start_node("a"), start_node("b")
    for nodes in ([one], [one, other], [other, one]):
        for node in nodes:
            node.primary.away = True
        for node in nodes:
            node.look(2)
            node.turn()
        assert detail().startswith(f"{len(nodes)}: ")
        for node in nodes:
            node.primary.away = False
            node.look(2)
            one.turn()
    assert told() == ["degraded", "ok"] * 3


def test_a_node_that_is_fine_keeps_the_incident_of_one_that_is_not(start_node: StartNode) -> None:
    fine, cut_off = start_node("a"), start_node("b")
    cut_off.primary.away = True
    cut_off.look(2)
    for _ in range(3):
        fine.look(5)
        fine.turn()
        cut_off.look(5)
    assert told() == ["degraded"]
    assert "(web-b)" in detail()


def test_use_of_an_outage_is_written_while_it_lasts_and_after(
    service: ConfigService, start_node: StartNode, clock: Clock
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node, shared = start_node("a"), UsageLedger(start_node("b").primary)
    node.look(300)  # its chores have become rare
    node.primary.away = True
    node.look(2)
    node.decides(key_id, 7)
    node.look(12)
    assert written(key_id) == (7, 0)
    node.decides(key_id, 3)
    node.primary.away = False
    node.look(2)
    assert written(key_id) == (10, 0)
    node.decides(key_id, 2)  # by a process that has not yet seen the end
    node.look(12)
    shared.write_down()
    node.look(200)
    assert written(key_id) == (12, 0)
    assert node.primary.charged == [key_id]  # once no process decides by that bucket any more


def test_a_node_that_dies_in_an_outage_is_forgotten_and_loses_nothing(
    service: ConfigService, start_node: StartNode
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    dying, other = start_node("a"), start_node("b")
    dying.primary.away = True
    dying.look(2)
    dying.decides(key_id, 5)
    other.turn()
    assert told() == ["degraded"]
    lapse()
    other.turn()
    assert told() == ["degraded", "ok"]
    assert not StoreOutage.objects.exists()
    dying.primary.away = False
    dying.begin()
    dying.look(40)
    assert written(key_id) == (5, 0)
    assert dying.primary.charged == [key_id]
    assert told() == ["degraded", "ok"]


def test_a_watch_begun_anew_ends_the_outage_that_the_one_before_has_noted(start_node: StartNode) -> None:
    node = start_node("a")
    node.primary.away = True
    node.look(2)
    node.primary.away = False
    node.begin()
    node.look()
    assert told() == ["degraded", "ok"]


def test_a_node_that_was_silent_for_long_is_told_again(start_node: StartNode, monkeypatch: pytest.MonkeyPatch) -> None:
    node, other = start_node("a"), start_node("b")
    node.primary.away = True
    node.look(2)
    lapse()
    other.turn()
    with monkeypatch.context() as patch:
        patch.setattr("health.node.monitor.sweep", away)
        node.look(12)
    assert told() == ["degraded", "ok"]
    node.look(3)
    assert told() == ["degraded", "ok", "degraded"]


def test_an_outage_is_renewed_while_it_lasts(start_node: StartNode) -> None:
    node = start_node("a")
    node.primary.away = True
    node.look(2)
    before = timezone.now() - timedelta(seconds=14)
    StoreOutage.objects.update(seen_at=before, since=before)
    node.look(12)
    outage = StoreOutage.objects.get()
    assert (outage.seen_at > before, outage.since) == (True, before)


def test_what_was_noted_and_not_judged_is_judged(start_node: StartNode, monkeypatch: pytest.MonkeyPatch) -> None:
    node = start_node("a")

    for node.primary.away in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr("health.node.monitor.sweep", away)
            node.look(2)
        before = told()
        node.look(3)
        assert len(told()) == len(before) + 1
    assert told() == ["degraded", "ok"]


class After(Event):
    """Is set after so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._left = looks

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        if self._left < 0:
            self.set()
        return self.is_set()


def test_a_watch_that_ends_in_an_outage_writes_down_what_it_can(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("health.node.monitor.connections.close_all", lambda: None)  # they are the test's
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a")
    node.primary.away = True
    node.look(3)
    node.decides(key_id, 6)
    node.watch.run(After(2))
    assert written(key_id) == (6, 0)


@contextmanager
def without_the_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", away)
        yield


def test_without_the_database_it_goes_on_and_tells_when_that_is_back(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a")

    with without_the_database(monkeypatch):
        node.primary.away = True
        node.look(20)
        node.decides(key_id, 4)
    node.look(3)
    assert told() == ["degraded"]
    with without_the_database(monkeypatch):
        node.primary.away = False
        node.look(20)
        assert node.primary.charged == [key_id], "it does not take the database"
    node.look(3)
    assert told() == ["degraded", "ok"]
    node.look(12)
    assert written(key_id) == (4, 0)


def test_an_outage_within_one_of_the_database_still_charges_back(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a")

    with without_the_database(monkeypatch):
        for node.primary.away in (True, False):
            node.look(4)
            node.decides(key_id, 2)
    node.look(12)
    assert (told(), written(key_id)) == ([], (4, 0))
    assert node.primary.charged == [key_id, key_id]


def test_a_host_that_never_decided_by_itself_has_no_file_of_buckets(start_node: StartNode, tmp_path: Path) -> None:
    start_node("a").look(200)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("mode", [Fallback.LOCAL, Fallback.ALLOW])
def test_own_buckets_are_looked_at_only_where_they_have_changed(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch, mode: Fallback
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a", mode)
    assert node.local
    scans, usage = list[bytes](), node.local.usage

    def scan_and_be_overtaken(prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        scans.append(prefix)
        yield from usage(prefix, since_ns)
        if overtaking:
            node.decides(key_id, overtaking.pop())

    monkeypatch.setattr(node.local, "usage", scan_and_be_overtaken)
    for requests in (2, 4):
        overtaking = [1]
        node.decides(key_id, 1)
        node.look(1000)
        assert written(key_id) == (requests, 0)
        before = scans.count(b"lk_")
        node.look(1000)
        assert scans.count(b"lk_") == before


def test_addresses_are_forgotten_once_they_are_quiet(start_node: StartNode) -> None:
    node = start_node("a")
    assert node.local
    node.local.take(b"ip:203.0.113.1", Limit(20, 60))
    node.look(20)
    assert len(list(node.local.usage(b"ip:"))) == 1
    node.look(300)
    assert list(node.local.usage(b"ip:")) == []


def test_what_cannot_be_charged_keeps_the_return_from_nobody(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a")
    node.primary.away = True
    node.look(2)
    node.decides(key_id, 3)
    node.primary.away = False

    def fail(*_: object, **__: object) -> None:
        raise ValueError("a damaged record")

    monkeypatch.setattr(node.primary, "shift_debt", fail)
    node.look(2)
    assert (told(), written(key_id)) == (["degraded", "ok"], (3, 0))


def test_a_store_of_one_host_is_watched_too(
    start_node: StartNode, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: BucketStore = MemoryStore(clock)
    watch = NodeWatch(store, Node("c" * 32, "web-c"), elapsed=clock.seconds)

    def fail(*_: object) -> None:
        raise BucketStoreError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(store, "ping", fail)
        for _ in range(2):
            watch.look()
        assert detail() == "1: The bucket store does not respond to 1 node (web-c); requests with a key get 503."
    for _ in range(2):
        watch.look()
    assert told() == ["degraded", "ok"]
