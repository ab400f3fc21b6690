"""A quota while the database is down: it goes on from the bucket store, and without a record there it answers 503."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.server.conftest import StartServer
from tests.support.migrated import migrated_database
from tests.support.postgresql import drop_database, new_database
from tests.support.relay import Relay
from tests.support.server import RunningServer, issue
from tests.support.sold import Shop, check_all, quota
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow("waits for an outage to be noticed")]

TOKENS = {**quota(300, "tokens"), "unit": "tokens"}


@pytest.fixture
def relay() -> Iterator[tuple[Relay, str]]:
    """A relay in front of a database, and the database's address there."""
    database = new_database(migrated_database())
    address = urlsplit(database)
    with Relay(address.hostname or "127.0.0.1", address.port or 5432) as relay:
        at = f"{address.username or 'postgres'}@127.0.0.1:{relay.port}"
        yield relay, address._replace(netloc=at).geturl()
    drop_database(database)


def statuses(server: RunningServer, key: str, path: str = "/v1/check") -> dict[int, int]:
    """Of 16 requests, on connections of their own."""
    return dict(check_all([server.port], [key], requests=16, connections=16, path=path).statuses)


def test_quota_during_outage(start_server: StartServer, relay: tuple[Relay, str]) -> None:
    line, url = relay
    server = start_server(workers=2, settings={"DATABASE_URL": url})
    root = issue(server, "--label", "root", "--scope", "*", "--unlimited")["credential"]
    shop = Shop(server.url, root)
    (key,) = shop.sell("acme", [quota(1000), TOKENS])
    # Both workers know the key and its plan. The bucket store has no record of tokens yet.
    for _ in range(4):
        assert statuses(server, key) == {204: 16}
    line.set("refuse")
    try:
        wait_until(lambda: server.log.count("database_down") >= 2, "the outage")
        assert statuses(server, key) == {204: 16}
        assert statuses(server, key, "/v1/check?cost.tokens=1") == {503: 16}
        assert statuses(server, key) == {204: 16}, "what answered 503 has taken nothing"
    finally:
        line.set("pass")
    wait_until(lambda: server.log.count("database_back") >= 2, "the database", seconds=30)
    assert statuses(server, key, "/v1/check?cost.tokens=1") == {204: 16}
    assert (shop.used("acme"), shop.used("acme", "tokens")) == (16 * 7, 16)
    line.set("refuse")
    try:
        wait_until(lambda: server.log.count("database_down") >= 4, "the outage")
        assert statuses(server, key, "/v1/check?cost.tokens=20") == {204: 14, 429: 2}, "its record is there now"
    finally:
        line.set("pass")
    wait_until(lambda: server.log.count("database_back") >= 4, "the database", seconds=30)
    assert (shop.used("acme"), shop.used("acme", "tokens")) == (16 * 7 + 14, 296)
