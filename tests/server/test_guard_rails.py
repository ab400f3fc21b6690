"""Guard rails with several workers: one incident per violation, also if it is toggled in parallel."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.events.webhooks.receiver import receiving
from tests.server.conftest import StartServer
from tests.server.stream_follower import Follower
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

LIMIT = {"burst": 5, "per_seconds": 60}
PASSWORD = {"DJANGO_SUPERUSER_PASSWORD": "a-password-for-a-test"}


class Operator:
    """Speaks to the server as an operator's key does."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def limit(self, key_id: str, limit: dict[str, int] | None) -> None:
        self._client.patch(f"/v1/keys/{key_id}", json={"rate_limit": limit}).raise_for_status()

    def hook(self, url: str, *event_types: str) -> None:
        """Has events of these types sent to `url`."""
        self._client.post("/v1/webhooks", json={"url": url, "event_types": event_types}).raise_for_status()

    def health_changes(self, after: int) -> list[dict[str, Any]]:
        """The HealthChanged events after an id."""
        page: list[dict[str, Any]] = self.get(f"/v1/events?type=HealthChanged&after={after}&limit=500")["items"]
        return page

    def head(self) -> int:
        """The id of the last event."""
        after, page = 0, self.get("/v1/events?limit=500")
        while page["items"]:
            after = page["items"][-1]["id"]
            page = self.get(f"/v1/events?limit=500&after={after}")
        return after

    def sample(self, name: str) -> float:
        """One sample of a scrape."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self._client.get("/metrics").text, re.MULTILINE)
        assert found
        return float(found.group(1))


def admin_page(server: RunningServer, path: str) -> str:
    """A page of the admin, as a superuser sees it."""
    server.manage("createsuperuser", "--noinput", "--username", "ada", "--email", "", environment=PASSWORD)
    with httpx.Client(base_url=server.url, follow_redirects=True) as browser:
        browser.get("/admin/login/")
        form = {"username": "ada", "password": PASSWORD["DJANGO_SUPERUSER_PASSWORD"], "next": path}
        form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
        return browser.post("/admin/login/", data=form, headers={"Referer": server.url}).raise_for_status().text


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> RunningServer:
    """One server with 4 workers, whose webhooks may reach this host."""
    return start_server(settings={"WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"})


@pytest.fixture
def operator(server: RunningServer, root: str) -> Iterator[Operator]:
    with httpx.Client(base_url=server.url, headers={"X-API-Key": root}, timeout=30) as client:
        yield Operator(client)


@pytest.fixture
def key_id(server: RunningServer) -> str:
    found: str = issue(server, "--label", "toggled", "--burst", "5", "--per-seconds", "60")["key_id"]
    return found


def test_workers_share_one_incident(operator: Operator, key_id: str) -> None:
    before, violations = operator.head(), 'config_guardrail_violations_total{guard_rail="unlimited_key"}'
    gauge, counted = 'health_degraded{component="unlimited_key"}', operator.sample(violations)
    operator.limit(key_id, None)
    (change,) = operator.health_changes(before)
    assert (change["data"]["component"], change["data"]["status"], change["data"]["degraded"]) == (
        "unlimited_key",
        "degraded",
        ["unlimited_key"],
    )
    for _ in range(8):  # whichever worker answers
        report = operator.get("/health/full")
        (breach,) = [found for found in report["guard_rails"] if found["name"] == "unlimited_key"]
        assert (report["degraded"], breach["count"], key_id in breach["detail"]) == (["unlimited_key"], 1, True)
        assert breach["remediation"] == change["data"]["remediation"]
        # Each worker keeps its status current in the background.
        wait_until(lambda: operator.get("/health") == {"status": "degraded"}, "the status")
        assert (operator.sample(gauge), operator.sample(violations)) == (1, counted + 1)
    operator.limit(key_id, LIMIT)
    assert [event["data"]["status"] for event in operator.health_changes(before)] == ["degraded", "ok"]
    for _ in range(8):
        assert operator.get("/health/full")["degraded"] == []
        assert (operator.sample(gauge), operator.sample(violations)) == (0, counted + 1)


def test_event_is_the_same_everywhere(operator: Operator, key_id: str, server: RunningServer, root: str) -> None:
    with receiving() as receiver, Follower(server, root, query="?type=HealthChanged") as follower:
        operator.hook(receiver.url, "HealthChanged")
        operator.limit(key_id, None)
        follower.until(lambda follower: bool(follower.events))
        (streamed,) = follower.events
        delivered = receiver.wait().event
        operator.limit(key_id, LIMIT)
    page = operator.health_changes(streamed["id"] - 1)[0]
    assert streamed == delivered == page
    assert f">{page['id']}</a></td>" in admin_page(server, "/admin/events/event/?type=HealthChanged")


def test_parallel_toggles_alternate(operator: Operator, key_id: str, server: RunningServer) -> None:
    before = operator.head()

    def toggle(number: int) -> None:
        operator.limit(key_id, None if number % 2 else LIMIT)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(toggle, range(50)))
    operator.limit(key_id, LIMIT)
    statuses = [event["data"]["status"] for event in operator.health_changes(before)]
    assert statuses == ["degraded", "ok"] * (len(statuses) // 2)
    assert statuses
    changes = operator.get(f"/v1/events?type=RateLimitChanged&key_id={key_id}&after={before}&limit=500")["items"]
    assert len(changes) == len(statuses), "each change of the limit changes the state"
    server.manage("verify_event_log")
