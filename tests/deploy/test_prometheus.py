"""A real Prometheus with the kit's files tells what a real server does."""

import httpx
import pytest

from tests.deploy.conftest import StartPrometheus
from tests.deploy.running_prometheus import RunningPrometheus, eventually
from tests.support.ports import free_port
from tests.support.server import RunningServer

pytestmark = [
    pytest.mark.needs("prometheus"),
    pytest.mark.slow("runs Prometheus"),
    pytest.mark.storeless("metrics and rules"),
]

UNLIMITED = {"alertname": "LatchkeyDegraded", "component": "unlimited_key", "job": "latchkey", "severity": "warning"}


def test_target_is_up(prometheus: RunningPrometheus) -> None:
    target = prometheus.target()
    assert (target["health"], target["lastError"]) == ("up", "")


def test_violation_alert_fires_until_fixed(
    server: RunningServer, prometheus: RunningPrometheus, root: dict[str, str]
) -> None:
    assert prometheus.alerts("firing") == []
    made = httpx.post(f"{server.url}/v1/keys", headers=root, json={"label": "unlimited", "rate_limit": None})
    eventually(lambda: prometheus.alerts("firing") == [UNLIMITED], "LatchkeyDegraded fires for unlimited_key, alone")

    limit = {"rate_limit": {"burst": 5, "per_seconds": 60}}
    httpx.patch(f"{server.url}/v1/keys/{made.json()['key_id']}", headers=root, json=limit).raise_for_status()
    eventually(lambda: prometheus.alerts("firing") == [], "no alert fires")


def test_failed_delivery_is_counted(server: RunningServer, prometheus: RunningPrometheus, root: dict[str, str]) -> None:
    webhook = {"url": f"http://127.0.0.1:{free_port()}/nobody-listens"}
    httpx.post(f"{server.url}/v1/webhooks", headers=root, json=webhook).raise_for_status()
    httpx.post(f"{server.url}/v1/keys", headers=root, json={"label": "told"}).raise_for_status()
    failed = 'increase(webhook_deliveries_total{outcome="failed"}[1m]) > 0'
    eventually(lambda: prometheus.ask("query", query=failed)["result"], "what the steward failed to deliver is seen")


def test_checks_are_seen_by_status(server: RunningServer, prometheus: RunningPrometheus) -> None:
    """They do not reach Django, whose series leave them out."""
    httpx.get(f"{server.url}/v1/check", headers={"X-API-Key": "nonsense"})
    counted = 'increase(http_responses_total{job="latchkey", route="/v1/check", status="401"}[1m]) > 0'
    eventually(lambda: prometheus.ask("query", query=counted)["result"], "the response was counted")


def test_rejected_scrape_reports_its_reason(start_prometheus: StartPrometheus) -> None:
    refused = start_prometheus("keys:read")
    target = refused.target()
    assert target["health"] == "down"
    assert "403" in target["lastError"]
    (alert,) = eventually(lambda: refused.alerts("pending"), "LatchkeyDown is pending")
    assert alert["alertname"] == "LatchkeyDown"
