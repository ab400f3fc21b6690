"""Redis outage under load: no request gets a 5xx, and the nodes recover automatically."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.nodes.conftest import Nodes, StartNodes
from tests.support.parallel import fire
from tests.support.redis_server import RedisServer, running
from tests.support.relay import Mode, Relay
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.needs("redis"), pytest.mark.slow("runs several servers")]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    one = RedisServer()
    with running(one):
        yield one


@pytest.fixture(scope="module")
def relay(redis: RedisServer) -> Iterator[Relay]:
    with Relay("127.0.0.1", redis.port) as one:
        yield one


@pytest.fixture(scope="module", params=["local", "allow"])
def nodes(request: pytest.FixtureRequest, start_nodes: StartNodes, redis: RedisServer, relay: Relay) -> Nodes:
    return start_nodes(
        1, redis=redis, redis_url=f"redis://127.0.0.1:{relay.port}/0", BUCKET_STORE_FALLBACK=request.param
    )


@contextmanager
def load(nodes: Nodes, credential: str) -> Iterator[Counter[int]]:
    """Call both endpoints repeatedly within the block. Yield the statuses, complete after it."""
    over, answers = threading.Event(), Counter[int]()

    def ask(path: str) -> None:
        while not over.is_set():
            answers.update(fire(nodes.ports[0], credential, connections=4, requests=20, path=path))
            over.wait(0.05)  # it is about errors, not about speed

    threads = [threading.Thread(target=ask, args=(path,)) for path in ("/v1/check", "/v1/whoami")]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def fallback_decisions(nodes: Nodes) -> float:
    return nodes.servers[0].metric(nodes.root, "bucket_store_fallback_decisions_total")


def on_fallback(nodes: Nodes) -> bool:
    return nodes.servers[0].metric(nodes.root, "bucket_store_on_fallback") == 1


Outage = tuple[Callable[[Nodes, Relay], None], Callable[[Nodes, Relay], None]]


def relayed(mode: Mode) -> Outage:
    return lambda _, relay: relay.set(mode), lambda _, relay: relay.set("pass")


OUTAGES: dict[str, Outage] = {
    "killed": (lambda nodes, _: nodes.redis.kill(), lambda nodes, _: void(nodes.redis.start())),
    "stopped": (
        lambda nodes, _: nodes.redis.stop(),
        lambda nodes, _: nodes.redis.go_on(),
    ),
    "silent": relayed("hang"),
    "cut off": relayed("drop"),
    "packets lost": relayed("lose"),
}


def void(_: object) -> None:
    """For the sake of types."""


@pytest.mark.parametrize("kind", OUTAGES)
def test_outage_causes_no_error(nodes: Nodes, relay: Relay, kind: str) -> None:
    begin, end = OUTAGES[kind]
    key = nodes.issue(1_000_000, 1)
    before = fallback_decisions(nodes)
    with load(nodes, key["credential"]) as answers:
        begin(nodes, relay)
        wait_until(lambda: on_fallback(nodes), "the fallback")
        decided = fallback_decisions(nodes)
        wait_until(lambda: fallback_decisions(nodes) > decided + 100, "decisions of the fallback")
        end(nodes, relay)
        # Connections that were being made when packets got lost wait for TCP to send again, each time twice as long.
        wait_until(lambda: not on_fallback(nodes), "Redis again", seconds=30)
    assert set(answers) == {200, 204}
    assert fallback_decisions(nodes) > before + 100


def test_revoke_applies_during_outage(nodes: Nodes, relay: Relay) -> None:
    key = nodes.issue(1_000_000, 1)
    assert fire(nodes.ports[0], key["credential"], connections=4, requests=2, path="/v1/check") == {204: 8}
    relay.set("drop")
    try:
        wait_until(lambda: on_fallback(nodes), "the fallback")
        answer = httpx.delete(
            f"{nodes.servers[0].url}/v1/keys/{key['key_id']}", headers={"X-API-Key": nodes.root}, timeout=10
        )
        assert answer.status_code == 204
        assert fire(nodes.ports[0], key["credential"], connections=4, requests=2, path="/v1/check") == {401: 8}
    finally:
        relay.set("pass")
        wait_until(lambda: not on_fallback(nodes), "Redis again", seconds=10)
