"""Changes apply to the next request in every process."""

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.support.parallel import fire
from tests.support.server import RunningServer, issue


def everywhere(server: RunningServer, credential: str) -> set[int]:
    """The statuses of enough calls on fresh connections for every worker to have answered some."""
    return set(fire(server.port, credential, connections=32, requests=2))


def call(server: RunningServer, root: str, method: str, path: str, **content: Any) -> httpx.Response:
    return httpx.request(method, f"{server.url}{path}", headers={"X-API-Key": root}, **content)


@pytest.fixture
def key(server: RunningServer) -> dict[str, Any]:
    """A key that every worker has cached."""
    issued = issue(server, "--label", "x", "--burst", "100000", "--per-seconds", "1")
    assert everywhere(server, issued["credential"]) == {200}
    return issued


def test_revoke_applies_to_next_request(server: RunningServer, root: str, key: dict[str, Any]) -> None:
    assert call(server, root, "DELETE", f"/v1/keys/{key['key_id']}").status_code == 204
    assert everywhere(server, key["credential"]) == {401}


def test_revoke_by_command_applies_to_next_request(server: RunningServer, key: dict[str, Any]) -> None:
    server.manage("revoke_key", key["key_id"], "--yes")
    assert everywhere(server, key["credential"]) == {401}


def test_disable_and_enable_apply(server: RunningServer, root: str, key: dict[str, Any]) -> None:
    for enabled, status in ((False, 401), (True, 200)):
        call(server, root, "PATCH", f"/v1/keys/{key['key_id']}", json={"enabled": enabled})
        assert everywhere(server, key["credential"]) == {status}


def test_new_limit_applies(server: RunningServer, root: str, key: dict[str, Any]) -> None:
    limit = {"burst": 3, "per_seconds": 3600}
    call(server, root, "PATCH", f"/v1/keys/{key['key_id']}", json={"rate_limit": limit})
    answers = fire(server.port, key["credential"], connections=32, requests=2)
    # The bucket was nearly full before, so nearly nothing of the new one is spent; never more than all of it is there.
    assert answers[200] <= 3
    assert answers == Counter({200: answers[200], 429: 64 - answers[200]})


def test_rotation_applies(server: RunningServer, root: str, key: dict[str, Any]) -> None:
    path = f"/v1/keys/{key['key_id']}/rotate"
    new = call(server, root, "POST", path).json()["credential"]
    assert everywhere(server, new) == {200}
    assert everywhere(server, key["credential"]) == {200}
    call(server, root, "POST", f"{path}/finish")
    assert everywhere(server, key["credential"]) == {401}
    assert everywhere(server, new) == {200}


def test_parallel_rotations_create_one_secret(server: RunningServer, root: str, key: dict[str, Any]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = f"/v1/keys/{key['key_id']}/rotate"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: call(server, root, "POST", path), range(8)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 7}
