"""Native gateway endpoint on a running server: exact, in order, and robust against clients."""

import os
import resource
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import StartServer
from tests.server.test_bounds import exchange, read_all
from tests.support.parallel import fire
from tests.support.server import RunningServer, issue

HOURLY = ("--burst", "60", "--per-seconds", "3600")
CHECK = "/v1/check"
IDLE = 10_000


def ask(credential: str, path: str = CHECK, *more: str, method: str = "GET") -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"X-API-Key: {credential}", *more, "", ""]
    return "\r\n".join(lines).encode()


def statuses(answers: bytes) -> list[int]:
    """The statuses of answers, one after the other, all of which have no body or a length."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        found.append(int(head.split()[1]))
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        answers = rest[int(lengths[0]) :] if lengths else rest
    return found


@pytest.fixture(scope="module")
def many(root: str, server: RunningServer) -> str:
    """The credential of a key with room for many requests."""
    credential: str = issue(server, "--label", "many", "--burst", "100000", "--per-seconds", "3600")["credential"]
    return credential


def test_exactly_60_of_400_checks_pass(server: RunningServer, root: str) -> None:
    key = issue(server, "--label", "exact", *HOURLY)["credential"]
    names = ("api_rate_limit_allowed_total", "api_rate_limit_throttled_total")
    before = [server.metric(root, name) for name in names]
    assert fire(server.port, key, connections=16, requests=25, path=CHECK) == {204: 60, 429: 340}
    after = [server.metric(root, name) for name in names]
    assert [now - was for was, now in zip(before, after, strict=True)] == [60 + len(names), 340]


def test_usage_is_exact(server: RunningServer, root: str) -> None:
    key = issue(server, "--label", "used", *HOURLY)
    assert fire(server.port, key["credential"], connections=16, requests=25, path=CHECK) == {204: 60, 429: 340}
    sums = (0, 0)
    with httpx.Client(base_url=server.url, headers={"X-API-Key": root}) as client:
        while sum(sums) < 400:
            rows = client.get(f"/v1/keys/{key['key_id']}/usage", params={"step": "minute"}).json()
            sums = sum(row["allowed"] for row in rows), sum(row["throttled"] for row in rows)
        shown = client.get(f"/v1/keys/{key['key_id']}").json()
    assert sums == (60, 340)
    assert shown["last_used_at"] == shown["secrets"][0]["last_used_at"] is not None


def test_check_and_rest_share_the_bucket(server: RunningServer) -> None:
    key = issue(server, "--label", "shared", *HOURLY)["credential"]
    with ThreadPoolExecutor(2) as pool:
        found = list(
            pool.map(lambda path: fire(server.port, key, connections=8, requests=10, path=path), [CHECK, "/v1/whoami"])
        )
    assert found[0][204] + found[1][200] == 60
    assert found[0][429] + found[1][429] == 100


def test_pipeline_keeps_order(server: RunningServer) -> None:
    key = issue(server, "--label", "pipeline", "--burst", "7", "--per-seconds", "3600")["credential"]
    sent = [ask(key), ask(key, "/v1/whoami"), ask("nonsense"), ask(key), ask(key, "/v1/whoami"), ask(key)]
    sent += [ask(key), ask(key), ask(key), ask(key, CHECK, "Connection: close")]
    assert statuses(exchange(server, b"".join(sent))) == [204, 200, 401, 204, 200, 204, 204, 204, 429, 429]


def test_long_pipeline_closes_connection(server: RunningServer, many: str) -> None:
    answers = statuses(exchange(server, ask(many) * 200 + ask(many, CHECK, "Connection: close")))
    assert set(answers) == {204}
    assert len(answers) <= 17


def test_unauthenticated_pipeline_is_limited(server: RunningServer) -> None:
    answers = statuses(exchange(server, b"GET /v1/check HTTP/1.1\r\nHost: localhost\r\n\r\n" * 9000))
    assert set(answers) == {401}
    assert len(answers) <= 17


def test_half_closed_pipeline_is_answered(server: RunningServer, many: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(ask(many) * 3 + ask(many, "/v1/whoami"))
        connection.shutdown(socket.SHUT_WR)
        assert statuses(read_all(connection)) == [204, 204, 204, 200]


@pytest.mark.parametrize("credential", ["", "nonsense"])
def test_upgrade_is_ignored(server: RunningServer, many: str, credential: str) -> None:
    answer = exchange(server, ask(credential or many, CHECK, "Connection: Upgrade", "Upgrade: h2c"))
    assert statuses(answer) == [401 if credential else 204]
    assert b"connection: close" in answer.lower()


def test_request_in_pieces(server: RunningServer, many: str) -> None:
    whole = ask(many, CHECK, "Connection: close")
    assert statuses(exchange(server, *(whole[at : at + 7] for at in range(0, len(whole), 7)))) == [204]


def test_half_closed_client_gets_response(server: RunningServer, many: str) -> None:
    for more in ((), ("Connection: close",)):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(ask(many, CHECK, *more))
            connection.shutdown(socket.SHUT_WR)
            assert statuses(read_all(connection)) == [204]


@pytest.mark.parametrize("size", [1, 60_000])
def test_body_is_dropped(server: RunningServer, many: str, size: int) -> None:
    body = b"GET /v1/check HTTP/1.1\r\n\r\n".ljust(size, b"x")[:size]
    first = ask(many, CHECK, f"Content-Length: {size}", method="POST") + body
    assert statuses(exchange(server, first, ask(many, CHECK, "Connection: close"))) == [204, 204]


def test_chunked_and_expected_body(server: RunningServer, many: str) -> None:
    chunked = ask(many, CHECK, "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n0\r\n\r\n"
    assert statuses(exchange(server, chunked, ask(many, CHECK, "Connection: close"))) == [204, 204]
    expecting = ask(many, CHECK, "Content-Length: 3", "Expect: 100-continue", "Connection: close", method="POST")
    assert 204 in statuses(exchange(server, expecting, b"abc"))


def test_large_body_closes_connection(server: RunningServer, many: str) -> None:
    request = ask(many, CHECK, "Content-Length: 1000000", method="POST")
    assert exchange(server, request, b"x" * 1_000_000)[:12] in (b"HTTP/1.1 204", b"")
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_large_header_is_431(server: RunningServer, many: str) -> None:
    assert exchange(server, ask(many, CHECK, "X-Big: " + "x" * 1_000_000)).startswith(b"HTTP/1.1 431 ")


def test_http_1_0_client(server: RunningServer, many: str) -> None:
    answer = exchange(server, ask(many).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert statuses(answer) == [204]


@pytest.fixture
def idle(server: RunningServer) -> Iterator[list[socket.socket]]:
    """Ten thousand connections that say nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 1000:
        pytest.skip(f"a process may have {hard} files open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        address = ("127.0.0.1", server.port)
        yield [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(IDLE)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident_megabytes(server: RunningServer) -> float:
    """The memory of the workers together."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in server.worker_pids())
    return pages * resource.getpagesize() / 1e6


def test_idle_connections_delay_no_check(server: RunningServer, many: str, idle: list[socket.socket]) -> None:
    before = resident_megabytes(server)
    for connection in idle[:2000]:
        connection.sendall(b"GET /v1/check HTTP/1.1\r\nHost: loc")  # and never goes on
    assert fire(server.port, many, connections=8, requests=25, path=CHECK) == {204: 200}
    assert httpx.get(f"{server.url}/v1/whoami", headers={"X-API-Key": many}).status_code == 200
    assert resident_megabytes(server) - before < 100


@pytest.mark.slow("runs several servers")
def test_killed_worker_exceeds_no_limit(start_server: StartServer) -> None:
    server = start_server(workers=2)
    key = issue(server, "--label", "crash", *HOURLY)["credential"]
    with ThreadPoolExecutor(1) as pool:
        firing = pool.submit(fire, server.port, key, connections=16, requests=25, path=CHECK)
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        answers = firing.result()
    assert sum(answers.values()) == 400
    assert 60 - answers[0] <= answers[204] <= 60


@pytest.mark.slow("runs several servers")
def test_stop_completes_started_checks(start_server: StartServer) -> None:
    server = start_server(workers=2)
    key = issue(server, "--label", "stop", "--unlimited")["credential"]
    with ThreadPoolExecutor(1) as pool:
        firing = pool.submit(fire, server.port, key, connections=4, requests=2000, path=CHECK)
        while not firing.running():
            pass
        assert server.stop(signal.SIGTERM) == 0
        answers = firing.result()
    assert set(answers) <= {204, 0}
    assert "Traceback" not in server.log
    assert "Error while closing" not in server.log
    assert "not_decided_at_once" not in server.log
