"""Reports of a node that is cut off from the bucket store: immediate, once, and in order."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.config_service import ConfigService
from health.models import StoreOutage
from health.node.identity import Node
from health.scheduler.node_monitor import CHECK_SECONDS, CONFIRM_SECONDS, NodeMonitor
from ratelimit.stores import BucketStore, BucketStoreError, MemoryStore
from ratelimit.stores.fallback_mode import FallbackMode
from tests.conftest import Clock
from tests.health.node.monitored_node import (
    StartNode,
    database_outage,
    expire_outages,
    incident_detail,
    raise_outage,
    reported,
    written_usage,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_outage_and_recovery_are_reported_within_a_second(start_node: StartNode, clock: Clock) -> None:
    node = start_node("a")
    node.primary.is_down, began = True, clock.seconds()
    node.check(2)
    assert reported() == ["degraded"]
    assert incident_detail() == (
        "1: The bucket store does not respond to 1 node (web-a); each disconnected node decides on its own, so "
        "limits apply per node."
    )
    assert clock.seconds() - began <= 2 * CHECK_SECONDS
    node.check(30)
    node.primary.is_down = False
    node.check(2)
    assert reported() == ["degraded", "ok"]
    assert not StoreOutage.objects.exists()
    node.check(30)
    assert reported() == ["degraded", "ok"]


def test_single_failed_probe_reports_nothing(start_node: StartNode) -> None:
    node = start_node("a")
    node.primary.is_down = True
    assert node.monitor.check() == CONFIRM_SECONDS
    node.primary.is_down = False
    assert node.monitor.check() == CHECK_SECONDS
    assert (reported(), StoreOutage.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("mode", "effect"),
    [
        (FallbackMode.DENY, "requests with a key get 503."),
        (FallbackMode.ALLOW, "every request with a valid key is allowed, without a limit."),
    ],
)
def test_incident_names_the_fallback(start_node: StartNode, mode: FallbackMode, effect: str) -> None:
    node = start_node("a", mode)
    node.primary.is_down = True
    node.check(2)
    assert incident_detail() == f"1: The bucket store does not respond to 1 node (web-a); {effect}"
    node.primary.is_down = False
    node.check(2)
    assert reported() == ["degraded", "ok"]


def test_first_outage_and_last_recovery_of_two_nodes(start_node: StartNode) -> None:
    one, other = start_node("a"), start_node("b")
    for nodes in ([one], [one, other], [other, one]):
        for node in nodes:
            node.primary.is_down = True
        for node in nodes:
            node.check(2)
            node.run_steward()
        assert incident_detail().startswith(f"{len(nodes)}: ")
        for node in nodes:
            node.primary.is_down = False
            node.check(2)
            one.run_steward()
    assert reported() == ["degraded", "ok"] * 3


def test_healthy_node_keeps_incident_of_another(start_node: StartNode) -> None:
    fine, isolated = start_node("a"), start_node("b")
    isolated.primary.is_down = True
    isolated.check(2)
    for _ in range(3):
        fine.check(5)
        fine.run_steward()
        isolated.check(5)
    assert reported() == ["degraded"]
    assert "(web-b)" in incident_detail()


def test_restarted_monitor_ends_recorded_outage(start_node: StartNode) -> None:
    node = start_node("a")
    node.primary.is_down = True
    node.check(2)
    node.primary.is_down = False
    node.start_monitor()
    node.check()
    assert reported() == ["degraded", "ok"]


def test_outage_that_expired_is_reported_again(start_node: StartNode, monkeypatch: pytest.MonkeyPatch) -> None:
    node, other = start_node("a"), start_node("b")
    node.primary.is_down = True
    node.check(2)
    expire_outages()
    other.run_steward()
    with monkeypatch.context() as patch:
        patch.setattr("health.scheduler.node_monitor.sweep", raise_outage)
        node.check(12)
    assert reported() == ["degraded", "ok"]
    node.check(3)
    assert reported() == ["degraded", "ok", "degraded"]


def test_outage_is_renewed_while_it_lasts(start_node: StartNode) -> None:
    node = start_node("a")
    node.primary.is_down = True
    node.check(2)
    before = timezone.now() - timedelta(seconds=14)
    StoreOutage.objects.update(seen_at=before, since=before)
    node.check(12)
    outage = StoreOutage.objects.get()
    assert (outage.seen_at > before, outage.since) == (True, before)


def test_failed_evaluation_is_retried(start_node: StartNode, monkeypatch: pytest.MonkeyPatch) -> None:
    node = start_node("a")

    for node.primary.is_down in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr("health.scheduler.node_monitor.sweep", raise_outage)
            node.check(2)
        before = reported()
        node.check(3)
        assert len(reported()) == len(before) + 1
    assert reported() == ["degraded", "ok"]


def test_failed_reconciliation_does_not_block_the_report(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a")
    node.primary.is_down = True
    node.check(2)
    node.decide_locally(key_id, 3)
    node.primary.is_down = False

    def fail(*_: object, **__: object) -> None:
        raise ValueError("a damaged record")

    monkeypatch.setattr(node.primary, "shift_debt", fail)
    node.check(2)
    assert (reported(), written_usage(key_id)) == (["degraded", "ok"], (3, 0))


def test_store_of_one_host_is_monitored(start_node: StartNode, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store: BucketStore = MemoryStore(clock)
    monitor = NodeMonitor(store, Node("c" * 32, "web-c"), elapsed=clock.seconds)

    def fail(*_: object) -> None:
        raise BucketStoreError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(store, "ping", fail)
        for _ in range(2):
            monitor.check()
        assert (
            incident_detail() == "1: The bucket store does not respond to 1 node (web-c); requests with a key get 503."
        )
    for _ in range(2):
        monitor.check()
    assert reported() == ["degraded", "ok"]


def test_database_outage_delays_the_report(
    service: ConfigService, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    node = start_node("a")

    with database_outage(monkeypatch):
        node.primary.is_down = True
        node.check(20)
        node.decide_locally(key_id, 4)
    node.check(3)
    assert reported() == ["degraded"]
    with database_outage(monkeypatch):
        node.primary.is_down = False
        node.check(20)
        assert node.primary.reconciled == [key_id], "it does not take the database"
    node.check(3)
    assert reported() == ["degraded", "ok"]
    node.check(12)
    assert written_usage(key_id) == (4, 0)
