"""nginx in front of two nodes: it uses both, loses no read with one of them, and repeats no change."""

import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from tests.deploy.breaking import BreakingNode, breaking_node
from tests.deploy.running_nginx import running_nginx
from tests.support.commands import ROOT
from tests.support.migrated import migrated_database
from tests.support.postgresql import drop_database, new_database
from tests.support.server import RunningServer, issue
from tests.support.steady_load import Load, steady

SITE = ROOT / "deploy" / "proxy" / "nodes.conf"
NODES = ("10.231.0.11:8000", "10.231.0.12:8000")
ONE_RUN_SECONDS = 5.0  # proxy_next_upstream_timeout

pytestmark = [
    pytest.mark.slow("runs several servers"),
    pytest.mark.needs("postgresql"),
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is missing"),
]


@dataclass
class Installation:
    """Two nodes on one database and one store of buckets, and the proxy in front of them."""

    nodes: tuple[RunningServer, RunningServer]
    url: str
    root: dict[str, str]

    def answered(self, path: str) -> list[int]:
        """How many requests for `path` each node has in its log."""
        return [node.log.count(f'"path": "{path}"') for node in self.nodes]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    database = new_database(migrated_database())
    settings = {
        "DATABASE_URL": database,
        "BUCKET_STORE_URL": f"lmdb://{tmp_path}/buckets",
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOG_FORMAT": "json",
    }
    nodes = []
    try:
        for name in ("web1", "web2"):
            (tmp_path / name).mkdir()
            nodes.append(RunningServer(tmp_path / name, 1, settings, ("--no-steward",)))
            nodes[-1].start()
        issued = issue(nodes[0], "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")
        here = {there: f"127.0.0.1:{node.port}" for there, node in zip(NODES, nodes, strict=True)}
        with running_nginx(tmp_path, SITE, here) as url:
            yield Installation((nodes[0], nodes[1]), url, {headers.API_KEY: issued["credential"]})
    finally:
        for node in nodes:
            if node.process and node.process.poll() is None:
                node.stop()
        drop_database(database)


def test_both_nodes_serve_and_one_may_fail(installation: Installation) -> None:
    """Killed while eight clients read: every read is answered, and a change afterwards."""
    with httpx.Client(base_url=installation.url, headers=installation.root, timeout=30) as client:

        def reads(number: int) -> list[int]:
            if number == 4:
                installation.nodes[0].stop(signal.SIGKILL)
            return [client.get("/v1/whoami").status_code for _ in range(40)]

        assert [client.get("/v1/whoami").status_code for _ in range(10)] == [200] * 10
        assert installation.answered("/v1/whoami") == [5, 5]
        with ThreadPoolExecutor(8) as pool:
            statuses = [status for found in pool.map(reads, range(8)) for status in found]
        assert statuses == [200] * 320
        made = [client.post("/v1/keys", json={"label": f"after {number}"}).status_code for number in range(6)]
        assert made == [201] * 6


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_rolling_restart_is_invisible_to_clients(installation: Installation, method: str) -> None:
    """The proxy repeats no POST that it has sent, so none may be lost."""
    _, _, port = installation.url.rpartition(":")
    path, body, status = ("/v1/whoami", None, 200) if method == "GET" else ("/v1/keys", b'{"label": "load"}', 201)
    with steady(Load(int(port), installation.root[headers.API_KEY], method, path, body), kept=3, new=3) as load:
        for node in installation.nodes:
            assert node.stop() == 0
            node.start()
            load.more(50)
    assert (load.lost, load.refused) == ([], 0)
    assert set(load.statuses) == {status}


def test_addresses_ids_and_streams_pass(installation: Installation) -> None:
    with httpx.Client(base_url=installation.url, headers=installation.root, timeout=30) as client:
        sent = {"X-Forwarded-For": "203.0.113.9", headers.REQUEST_ID: "of-the-client"}
        assert client.get("/v1/whoami", headers=sent).headers[headers.REQUEST_ID] == "of-the-client"
        made_up = client.get("/v1/whoami", headers={headers.REQUEST_ID: "no id"}).headers[headers.REQUEST_ID]
        assert len(made_up) == 32
        with client.stream("GET", "/v1/events", headers={"Accept": "text/event-stream"}) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            issue(installation.nodes[1], "--label", "told at once")
            assert any("told at once" in line for line in lines)
    logs = "".join(node.log for node in installation.nodes)
    assert "203.0.113.9" not in logs
    assert {"of-the-client", made_up} <= set(logs.split('"'))


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[tuple[str, list[BreakingNode]]]:
    """A proxy whose nodes all break off."""
    with (
        breaking_node() as first,
        breaking_node() as second,
        running_nginx(tmp_path, SITE, dict(zip(NODES, (first.address, second.address), strict=True))) as url,
    ):
        yield url, [first, second]


@pytest.mark.parametrize(("method", "times"), [("POST", 1), ("PATCH", 1), ("GET", 3), ("HEAD", 3), ("DELETE", 3)])
def test_only_safe_requests_are_retried(broken: tuple[str, list[BreakingNode]], method: str, times: int) -> None:
    url, nodes = broken
    answer = httpx.request(method, f"{url}/v1/keys", timeout=ONE_RUN_SECONDS)
    assert answer.status_code == 502
    assert sum(len(node.asked) for node in nodes) == times


def test_response_without_nodes_is_a_problem(broken: tuple[str, list[BreakingNode]]) -> None:
    url, _ = broken
    answer = httpx.post(f"{url}/v1/keys", headers={headers.REQUEST_ID: "of-the-client"})
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"].endswith("/problems/unavailable")
    assert problem["title"] == CATALOGUE["unavailable"].title
    assert (problem["status"], problem["request_id"]) == (502, "of-the-client")
