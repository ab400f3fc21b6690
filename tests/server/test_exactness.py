"""Rate limit over several workers: exact, also if workers are killed."""

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.server.conftest import StartServer
from tests.support.parallel import fire
from tests.support.server import RunningServer, issue

HOURLY = ("--burst", "60", "--per-seconds", "3600")


def test_exactly_60_of_400_requests_pass(server: RunningServer, root: str) -> None:
    key = issue(server, "--label", "exact", *HOURLY)
    assert len(server.worker_pids()) == 4
    before = server.metric(root, "api_rate_limit_throttled_total")
    answers = fire(server.port, key["credential"], connections=16, requests=25)
    assert answers == {200: 60, 429: 340}
    for _ in range(20):
        assert server.metric(root, "api_rate_limit_throttled_total") - before == 340


def test_every_worker_writes_metrics(server: RunningServer, root: str) -> None:
    files = {path.name for path in (server.data_dir / "metrics").glob("*/counter_worker*.db")}
    assert files == {f"counter_worker{place}.db" for place in range(4)}


def test_idempotency_key_creates_one_key(server: RunningServer, root: str) -> None:
    sent = {"X-API-Key": root, "Idempotency-Key": "deploy-7"}

    def create(_: int) -> httpx.Response:
        return httpx.post(f"{server.url}/v1/keys", json={"label": "once"}, headers=sent, timeout=30)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(create, range(32)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["key_id"] for answer in answers}) == 1
    assert sum("secret" in answer.json() for answer in answers) == 1


def test_if_match_allows_one_parallel_change(server: RunningServer, root: str) -> None:
    key = issue(server, "--label", "shared")["key_id"]
    sent = {"X-API-Key": root, "If-Match": '"1"'}

    def change(number: int) -> int:
        body = {"label": f"changed by {number}"}
        return httpx.patch(f"{server.url}/v1/keys/{key}", json=body, headers=sent, timeout=30).status_code

    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(change, range(16))) == {200: 1, 412: 15}


def test_selftest(server: RunningServer) -> None:
    result = server.manage("selftest_limiter", "--requests", "1000", "--burst", "200", "--format", "json")
    assert '"exact": true' in result.stdout


@pytest.mark.slow("runs several servers")
def test_killed_worker_exceeds_no_limit(start_server: StartServer) -> None:
    server = start_server()
    root = issue(server, "--label", "root", "--scope", "*", "--unlimited")["credential"]
    for _ in range(3):
        key = issue(server, "--label", "crash", *HOURLY)["credential"]
        with ThreadPoolExecutor(1) as pool:
            firing = pool.submit(fire, server.port, key, connections=16, requests=25)
            os.kill(server.worker_pids()[0], signal.SIGKILL)
            answers = firing.result()
        assert sum(answers.values()) == 400
        assert 60 - answers[0] <= answers[200] <= 60
        assert answers[200] + answers[429] + answers[0] == 400
        wait_for_workers(server, 4)
    metric_files = list((server.data_dir / "metrics").glob("*/counter_worker*.db"))
    assert len(metric_files) == 4
    passed = server.metric(root, "api_rate_limit_allowed_total")
    assert server.metric(root, "api_rate_limit_allowed_total") == passed + 1


@pytest.mark.slow("runs several servers")
def test_restart_keeps_bucket(start_server: StartServer) -> None:
    server = start_server(workers=2)
    key = issue(server, "--label", "restart", *HOURLY)["credential"]
    assert fire(server.port, key, connections=4, requests=25)[200] == 60
    assert server.stop() == 0
    server.start()
    assert fire(server.port, key, connections=4, requests=5) == Counter({429: 20})


@pytest.mark.slow("runs several servers")
def test_stop_completes_started_requests(start_server: StartServer) -> None:
    server = start_server(workers=2)
    key = issue(server, "--label", "stop", "--unlimited")["credential"]
    with ThreadPoolExecutor(1) as pool:
        firing = pool.submit(fire, server.port, key, connections=4, requests=50)
        while server.log.count('"path": "/v1/whoami"') < 20 and not firing.done():
            pass
        assert server.stop(signal.SIGINT) == 0
        answers = firing.result()
    assert set(answers) <= {200, 0}
    assert "Traceback" not in server.log
    assert httpx.codes.OK in answers


def wait_for_workers(server: RunningServer, number: int) -> None:
    """Returns when gunicorn has put a new worker in the place of a killed one."""
    while len(server.worker_pids()) < number:
        assert server.process is not None
        assert server.process.poll() is None
