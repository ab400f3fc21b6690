"""What the rules for keys and requests allow, each pack carries to services with their default bounds. What is larger
comes back as the client's fault, and never as an outage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from apikeys.validation import MAX_SCOPE_LENGTH, MAX_SCOPES
from gateway.check_parameters import MAX_QUERY
from latchkey.identity import owner_value
from latchkey.validation import MAX_TEXT
from ratelimit.limit import MAX_BURST
from tests.gateway.largest_key import LARGEST, OWNER, SCOPES
from tests.gateway.proxies.common_services import COMMON, common_service
from tests.gateway.proxies.conftest import NAMES, SCOPE, Keys
from tests.gateway.proxies.echo import Echo
from tests.gateway.proxies.running import Proxy, public_url, running
from tests.gateway.proxies.test_client_faults import status_of
from tests.gateway.proxies.test_verdicts import problem
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("starts each proxy with each service")

REQUEST_ID = "r" * 128
SMALLEST_HEADER = 4096  # of uWSGI; Tomcat, Jetty and Netty take 8 KB
CLIENTS_FAULT = (400, 414, 431)


@dataclass(frozen=True)
class Chain:
    """A proxy that runs in front of one of the common services, and the URL of that."""

    proxy: Proxy
    service: str


@pytest.fixture(scope="module", params=COMMON)
def common(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The name and the URL of a service."""
    with common_service(request.param, tmp_path_factory.mktemp(request.param)) as url:
        yield request.param, url


@pytest.fixture(scope="module", params=NAMES)
def chain(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    latchkey: RunningServer,
    common: tuple[str, str],
) -> Iterator[Chain]:
    service, url = common
    with running(request.param, tmp_path_factory.mktemp(request.param), url, latchkey, scopes=[SCOPE]) as proxy:
        yield Chain(proxy, service)


@pytest.fixture(scope="module")
def largest(keys: Keys) -> dict[str, Any]:
    return keys.new(**LARGEST)


def test_largest_allowed_fields_reach_service(chain: Chain, largest: dict[str, Any]) -> None:
    sent = {"X-API-Key": ",".join([largest["credential"]] * 64), "X-Request-Id": REQUEST_ID}
    with chain.proxy.client(headers=sent) as client:
        answer = client.get("/orders")
    assert answer.status_code == 200, answer.text
    shown = answer.text.split("\n")
    assert shown[:3] == [largest["key_id"], owner_value(OWNER), " ".join(SCOPES)]
    assert shown[3] == answer.headers["X-Request-Id"]
    assert (shown[3] == REQUEST_ID) is (chain.proxy.name != "envoy")
    assert answer.headers["X-RateLimit-Limit"] == str(MAX_BURST)


def test_smallest_header_limit_suffices(proxy: Proxy, largest: dict[str, Any]) -> None:
    """For a client's own fields too."""
    with proxy.client(headers={"X-API-Key": largest["credential"], "X-Request-Id": REQUEST_ID}) as client:
        fields = client.get("/orders").json()["headers"]
    assert sum(len(name) + len(value) + 4 for name, value in fields) < SMALLEST_HEADER * 0.8


@pytest.fixture(scope="module")
def older(keys: Keys) -> str:
    """The credential of a key that was written before there were bounds on whole fields."""
    key = keys.new()
    scopes = [SCOPE, *(f"{'a' * (MAX_SCOPE_LENGTH - 4)}{number:02}:b" for number in range(MAX_SCOPES - 1))]
    values = {"owner": "\U0001f511" * MAX_TEXT, "scopes": scopes}
    change = f"from apikeys.models import APIKey; APIKey.objects.filter(key_id='{key['key_id']}').update(**{values})"
    keys.server.manage("shell", "-c", change)
    credential: str = key["credential"]
    return credential


def test_key_beyond_new_bounds(chain: Chain, older: str) -> None:
    """The packs carry it to services with room for it."""
    with chain.proxy.client(headers={"X-API-Key": older}) as client:
        answer = client.get("/orders")
    assert answer.status_code == 200, answer.text


# Around the bounds of nginx (8 KiB a line), Node.js (16 KiB), ours and Envoy's as set (32 KiB), and Envoy's own (60).
BYTES = (7_900, 8_300, 13_500, 16_500, 29_300, 30_500, 31_500, 32_600, 33_500, 60_500, 62_000, 300_000)
LARGE = {
    "a field": lambda size: f"X-Large: {'a' * size}\r\n",
    "many fields": lambda size: "".join(f"X-{number}: {'a' * 990}\r\n" for number in range(size // 1000)),
    "cookies": lambda size: f"Cookie: a={'a' * size}\r\n",
    "a request id": lambda size: f"X-Request-Id: {'a' * size}\r\n",
    "another scheme": lambda size: f"Authorization: Digest {'a' * size}\r\n",
}


@pytest.mark.parametrize("kind", LARGE)
def test_large_header(chain: Chain, largest: dict[str, Any], kind: str) -> None:
    for size in BYTES:
        head = f"GET /x HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {largest['credential']}\r\n{LARGE[kind](size)}\r\n"
        expect_no_outage(chain.proxy, head)


def test_long_target(chain: Chain, largest: dict[str, Any]) -> None:
    for size in BYTES:
        head = f"GET /{'x' * size} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {largest['credential']}\r\n\r\n"
        expect_no_outage(chain.proxy, head)


def test_large_credential(chain: Chain) -> None:
    for size in BYTES:
        for field in (f"X-API-Key: {'k' * size}", f"Authorization: Bearer {'k' * size}"):
            expect_no_outage(chain.proxy, f"GET /x HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n", (401,))


def test_many_fields(chain: Chain, largest: dict[str, Any]) -> None:
    for count in (80, 86, 88, 90, 92, 94, 96, 98, 100, 102, 110, 500):
        fields = "".join(f"X-{number}: a\r\n" for number in range(count))
        head = f"GET /x HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {largest['credential']}\r\n{fields}\r\n"
        expect_no_outage(chain.proxy, head)


@pytest.mark.needs("envoy")
def test_envoy_without_room_for_the_key(
    keys: Keys, latchkey: RunningServer, service: Echo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fields = {"X-API-Key": keys.new()["credential"], **{f"X-{number}": "a" for number in range(90)}}
    with (
        running("envoy", tmp_path_factory.mktemp("envoy"), service.url, latchkey) as proxy,
        proxy.client(headers=fields) as client,
    ):
        problem(client.get("/x"), "header-too-large", public_url(latchkey))


def expect_no_outage(proxy: Proxy, head: str, passes: tuple[int, ...] = (200,)) -> None:
    """Send a request that is passed on, or refused as the client's fault."""
    status, header = status_of(proxy, head)
    assert status in (*passes, *CLIENTS_FAULT), f"{len(head)} bytes: {header}"
    assert "retry-after" not in header


@pytest.mark.parametrize("name", NAMES)
def test_longest_query(
    name: str, keys: Keys, latchkey: RunningServer, service: Echo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scopes = [f"{'a' * 51}{number:02}:b" for number in range(MAX_SCOPES)]
    scopes[0] += "b" * (MAX_QUERY - len("allow=200") - sum(len(f"&scope={scope}") for scope in scopes))
    with running(name, tmp_path_factory.mktemp("long"), service.url, latchkey, scopes=scopes) as asks:
        for granted, status in (([SCOPE], 403), (["*"], 200)):
            with asks.client(headers={"X-API-Key": keys.new(scopes=granted)["credential"]}) as client:
                assert client.get("/x").status_code == status


@pytest.mark.parametrize("name", NAMES)
def test_large_response_of_service(
    name: str, keys: Keys, latchkey: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        common_service("gunicorn", tmp_path_factory.mktemp("service")) as url,
        running(name, tmp_path_factory.mktemp("proxy"), url, latchkey) as proxy,
        proxy.client(headers={"X-API-Key": keys.new()["credential"], "X-Wanted-Bytes": "11000"}) as client,
    ):
        answer = client.get("/x")
    assert (answer.status_code, len(answer.headers["X-Large"])) == (200, 11_000)
