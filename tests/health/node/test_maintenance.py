"""Maintenance of a node: usage of an outage is written, and tokens are charged to the bucket store."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from apikeys.config_service import ConfigService
from apikeys.usage.rollup import UsageRollup
from health.models import StoreOutage
from ratelimit.bucket import Record
from ratelimit.limit import Limit
from ratelimit.stores.fallback_mode import FallbackMode
from tests.conftest import Clock
from tests.health.node.monitored_node import (
    StartNode,
    database_outage,
    expire_outages,
    reported,
    written_usage,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_usage_is_written_during_and_after_an_outage(
    service: ConfigService, start_node: StartNode, clock: Clock
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node, shared = start_node("a"), UsageRollup(start_node("b").primary)
    node.check(300)  # maintenance has become rare
    node.primary.is_down = True
    node.check(2)
    node.decide_locally(key_id, 7)
    node.check(12)
    assert written_usage(key_id) == (7, 0)
    node.decide_locally(key_id, 3)
    node.primary.is_down = False
    node.check(2)
    assert written_usage(key_id) == (10, 0)
    node.decide_locally(key_id, 2)  # by a process that has not yet seen the end
    node.check(12)
    shared.write_pending()
    node.check(200)
    assert written_usage(key_id) == (12, 0)
    assert node.primary.reconciled == [key_id]  # once no process decides by that bucket any more


def test_node_that_dies_in_an_outage_loses_nothing(service: ConfigService, start_node: StartNode) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    dying, other = start_node("a"), start_node("b")
    dying.primary.is_down = True
    dying.check(2)
    dying.decide_locally(key_id, 5)
    other.run_steward()
    assert reported() == ["degraded"]
    expire_outages()
    other.run_steward()
    assert reported() == ["degraded", "ok"]
    assert not StoreOutage.objects.exists()
    dying.primary.is_down = False
    dying.start_monitor()
    dying.check(40)
    assert written_usage(key_id) == (5, 0)
    assert dying.primary.reconciled == [key_id]
    assert reported() == ["degraded", "ok"]


class StopAfter(Event):
    """Event that is set after this many checks."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self._left = checks

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        if self._left < 0:
            self.set()
        return self.is_set()


def test_monitor_that_ends_in_an_outage_writes_usage(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("health.scheduler.node_monitor.connections.close_all", lambda: None)  # they are the test's
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a")
    node.primary.is_down = True
    node.check(3)
    node.decide_locally(key_id, 6)
    node.monitor.run(StopAfter(2))
    assert written_usage(key_id) == (6, 0)


def test_store_outage_within_database_outage_is_reconciled(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a")

    with database_outage(monkeypatch):
        for node.primary.is_down in (True, False):
            node.check(4)
            node.decide_locally(key_id, 2)
    node.check(12)
    assert (reported(), written_usage(key_id)) == ([], (4, 0))
    assert node.primary.reconciled == [key_id, key_id]


def test_node_without_local_decisions_has_no_bucket_file(start_node: StartNode, tmp_path: Path) -> None:
    start_node("a").check(200)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("mode", [FallbackMode.LOCAL, FallbackMode.ALLOW])
def test_local_buckets_are_scanned_only_after_changes(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch, mode: FallbackMode
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a", mode)
    assert node.local
    scans, usage = list[bytes](), node.local.scan_records

    def scan_and_be_overtaken(prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        scans.append(prefix)
        yield from usage(prefix, since_ns)
        if overtaking:
            node.decide_locally(key_id, overtaking.pop())

    monkeypatch.setattr(node.local, "scan_records", scan_and_be_overtaken)
    for requests in (2, 4):
        overtaking = [1]
        node.decide_locally(key_id, 1)
        node.check(1000)
        assert written_usage(key_id) == (requests, 0)
        before = scans.count(b"lk_")
        node.check(1000)
        assert scans.count(b"lk_") == before


def test_quiet_addresses_are_forgotten(start_node: StartNode) -> None:
    node = start_node("a")
    assert node.local
    node.local.take(b"ip:203.0.113.1", Limit(20, 60))
    node.check(20)
    assert len(list(node.local.scan_records(b"ip:"))) == 1
    node.check(300)
    assert list(node.local.scan_records(b"ip:")) == []
