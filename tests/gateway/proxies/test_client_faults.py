"""What a client did wrong comes out of a pack as its fault: an outage of the server is told in no such case."""

import socket
from contextlib import suppress

import pytest

from tests.gateway.proxies.conftest import NAMES, SCOPE, Keys
from tests.gateway.proxies.echo import Echo
from tests.gateway.proxies.running import Proxy, running
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("sends what proxies refuse")
FAULTS = {
    "a control character": "X-A: a\x01b\r\n",
    "a header of 39 KB": "".join(f"X-{number}: {'a' * 6500}\r\n" for number in range(6)),
    "a field without a colon": "nonsense\r\n",
}


def status_of(proxy: Proxy, head: str) -> tuple[int, str]:
    """The status of the answer to a request with this head, and its header in lower case."""
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as connection:
        # A proxy may close before it has read all.
        with suppress(OSError):
            connection.sendall(head.encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer and (data := connection.recv(65536)):
            answer += data
    return int(answer.split(b" ")[1]), answer.partition(b"\r\n\r\n")[0].decode("latin-1").lower()


@pytest.mark.parametrize("fault", FAULTS)
def test_unreadable_request(proxy: Proxy, keys: Keys, fault: str) -> None:
    head = f"GET /x HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {keys.new()['credential']}\r\n{FAULTS[fault]}\r\n"
    status, header = status_of(proxy, head)
    assert status in (200, 400, 431), "what the proxy drops or passes is for the service"
    assert "retry-after" not in header


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_request_without_host_costs_nothing(proxy: Proxy, keys: Keys, service: Echo, version: str) -> None:
    key = keys.new(rate_limit={"burst": 3, "per_seconds": 3600})
    before = len(service.seen)
    status, header = status_of(proxy, f"GET /x HTTP/{version}\r\nX-API-Key: {key['credential']}\r\n\r\n")
    assert 400 <= status < 500
    assert "retry-after" not in header
    assert len(service.seen) == before
    with proxy.client(headers={"X-API-Key": key["credential"]}) as client:
        assert client.get("/x").headers["x-ratelimit-remaining"] == "2"


@pytest.mark.parametrize("name", NAMES)
def test_cost_above_burst(
    name: str, keys: Keys, latchkey: RunningServer, service: Echo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    key = keys.new(rate_limit={"burst": 5, "per_seconds": 60})
    with running(name, tmp_path_factory.mktemp("dear"), service.url, latchkey, scopes=[SCOPE], cost=6) as dear:
        with dear.client(headers={"X-API-Key": key["credential"]}) as client:
            answer = client.get("/x")
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "limit-too-small")
        assert "retry-after" not in answer.headers
