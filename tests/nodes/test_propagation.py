"""Changes on one node apply to the next request on every other node."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.nodes.conftest import Nodes, StartNodes
from tests.support.parallel import fire

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.needs("redis"), pytest.mark.slow("runs several servers")]


@pytest.fixture(scope="module")
def nodes(start_nodes: StartNodes) -> Nodes:
    return start_nodes(BUCKET_STORE_TIMEOUT_MS="5000")  # a busy machine is no outage


@pytest.fixture
def key(nodes: Nodes) -> dict[str, Any]:
    """A key that every worker of every node has in memory."""
    issued = nodes.issue(1_000_000, 1)
    assert everywhere(nodes, issued["credential"]) == {204}
    return issued


def everywhere(nodes: Nodes, credential: str) -> set[int]:
    """The statuses of enough checks on fresh connections for every worker to have answered some."""
    return {
        status
        for port in nodes.ports
        for status in fire(port, credential, connections=16, requests=2, path="/v1/check")
    }


def change(nodes: Nodes, method: str, path: str, **content: Any) -> httpx.Response:
    """A change that the first node makes."""
    answer = httpx.request(method, f"{nodes.servers[0].url}{path}", headers={"X-API-Key": nodes.root}, **content)
    assert answer.is_success, answer.text
    return answer


def test_revoke_applies_to_other_nodes(nodes: Nodes, key: dict[str, Any]) -> None:
    answer = change(nodes, "DELETE", f"/v1/keys/{key['key_id']}")
    assert everywhere(nodes, key["credential"]) == {401}
    effective_by = datetime.fromisoformat(answer.headers["X-Latchkey-Effective-By"])
    # A node that is cut off from Redis may act on a record for 5 seconds more.
    assert timedelta(0) < effective_by - datetime.now(UTC) + timedelta(seconds=60) < timedelta(seconds=66)


def test_disable_and_enable_apply(nodes: Nodes, key: dict[str, Any]) -> None:
    for enabled, status in ((False, 401), (True, 204)):
        change(nodes, "PATCH", f"/v1/keys/{key['key_id']}", json={"enabled": enabled})
        assert everywhere(nodes, key["credential"]) == {status}


def test_new_limit_applies(nodes: Nodes, key: dict[str, Any]) -> None:
    change(nodes, "PATCH", f"/v1/keys/{key['key_id']}", json={"rate_limit": {"burst": 3, "per_seconds": 3600}})
    found = [
        status
        for port in nodes.ports
        for status in fire(port, key["credential"], connections=4, requests=2, path="/v1/check").elements()
    ]
    assert found.count(204) <= 3
    assert set(found) <= {204, 429}


def test_finished_rotation_applies(nodes: Nodes, key: dict[str, Any]) -> None:
    path = f"/v1/keys/{key['key_id']}/rotate"
    new = change(nodes, "POST", path).json()["credential"]
    assert everywhere(nodes, new) == everywhere(nodes, key["credential"]) == {204}
    change(nodes, "POST", f"{path}/finish")
    assert everywhere(nodes, key["credential"]) == {401}
    assert everywhere(nodes, new) == {204}
