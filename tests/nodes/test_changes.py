"""Changes by 50 writers through two nodes: one event chain without gaps, and alternating incidents."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from tests.databases.test_parallel_writers import READ, assert_alternating
from tests.nodes.conftest import Nodes, StartNodes

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.needs("redis"), pytest.mark.slow("runs several servers")]

WRITERS, CHANGES = 50, 3
LIMIT = {"burst": 5, "per_seconds": 60}


@pytest.fixture(scope="module")
def nodes(start_nodes: StartNodes) -> Nodes:
    return start_nodes(BUCKET_STORE_TIMEOUT_MS="5000")


def write(nodes: Nodes, writer: int, shared: str) -> Counter[int]:
    """Take a limit from one key and give it back, as all writers do with the same, and issue others meanwhile."""
    statuses: Counter[int] = Counter()
    connection = HTTPConnection("127.0.0.1", nodes.ports[writer % len(nodes.ports)], timeout=60)
    fields = {"X-API-Key": nodes.root, "Content-Type": "application/json"}
    for number in range(CHANGES):
        limit = None if (writer + number) % 2 else LIMIT
        for method, path, body in (
            ("PATCH", f"/v1/keys/{shared}", {"rate_limit": limit}),
            ("POST", "/v1/keys", {"label": f"{writer} {number}"}),
        ):
            connection.request(method, path, json.dumps(body), fields)
            response = connection.getresponse()
            response.read()
            statuses[response.status] += 1
    connection.close()
    return statuses


def test_fifty_writers_write_one_log(nodes: Nodes) -> None:
    shared = nodes.issue(5, 60)["key_id"]
    with ThreadPoolExecutor(WRITERS) as pool:
        written = pool.map(lambda writer: write(nodes, writer, shared), range(WRITERS))
        statuses = sum(written, Counter())
    assert statuses == {200: WRITERS * CHANGES, 201: WRITERS * CHANGES}
    server = nodes.servers[0]
    assert json.loads(server.manage("verify_event_log", "--format", "json").stdout)["holds"]
    found = json.loads(server.manage("shell", "-v0", "-c", READ).stdout)
    assert found["ids"] == list(range(1, found["head"] + 1))
    assert_alternating(found)
