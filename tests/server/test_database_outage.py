"""PostgreSQL outage under a running server: cached keys pass, everything else fails fast, and the server recovers."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from apikeys.cache.key_cache import QUERY_DEADLINE_SECONDS, TTL_SECONDS
from latchkey.credentials import generate_secret
from tests.server.conftest import StartServer
from tests.support.migrated import migrated_database
from tests.support.parallel import fire
from tests.support.postgresql import drop_database, new_database
from tests.support.relay import Mode, Relay
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow("waits for outages to be noticed")]
# Longer than records are trusted, and than a silent database is waited for.
OUTAGE_SECONDS = 9.0
FREED_SECONDS = 30.0  # about 8 on an idle machine
AT_ONCE_SECONDS = 3.0  # far below what a pool waits for a connection, and above what a busy machine takes
RECOVERY_SECONDS = 10.0
PACE_SECONDS = 0.02  # what the traffic leaves to others on the machine
ENDPOINTS = ("/v1/check", "/v1/whoami")
UNKNOWN = f"lk_000000000000:{generate_secret()}"


class Installation:
    """A server whose database lies behind a relay, and a key that both of its workers know."""

    def __init__(self, server: RunningServer, relay: Relay) -> None:
        self.server = server
        self.relay = relay
        self.key = issue(server, "--label", "x", "--scope", "*", "--burst", "100000", "--per-seconds", "1")[
            "credential"
        ]
        self.slowest = 0.0

    def warm_up(self) -> None:
        """Lets every worker read the key."""
        assert set(fire(self.server.port, self.key, connections=32, requests=2)) == {200}

    def ask(self, path: str, credential: str | None = None, method: str = "GET", **content: object) -> int:
        """Return the status of one call on its own connection. `slowest` is the longest call so far."""
        fields = {"X-API-Key": credential or self.key}
        began = time.monotonic()
        status = httpx.request(
            method, self.server.url + path, headers=fields, json=content or None, timeout=30
        ).status_code
        self.slowest = max(self.slowest, time.monotonic() - began)
        return status

    def make_key(self) -> int:
        return self.ask("/v1/keys", method="POST", label="y")

    def has_recovered(self) -> bool:
        """Whether each worker that missed the database has it back; which of them answers is for the kernel to say."""
        log = self.server.log
        return 0 < log.count("database_down") == log.count("database_back")

    def traffic(self, seconds: float, done: Callable[[], bool] = lambda: False) -> Counter[tuple[str, int]]:
        """Call all endpoints with the cached key for `seconds`, or until it is done. Return the statuses by endpoint."""
        answers: Counter[tuple[str, int]] = Counter()
        until = time.monotonic() + seconds
        while time.monotonic() < until and not done():
            answers.update((endpoint, self.ask(endpoint)) for endpoint in ENDPOINTS)
            time.sleep(PACE_SECONDS)
        return answers

    def stale_lookups(self) -> float:
        lines = httpx.get(f"{self.server.url}/metrics").text.splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith('key_directory_lookups_total{outcome="stale"')
        )


@pytest.fixture(scope="module")
def install(start_server: StartServer) -> Iterator[Callable[..., Installation]]:
    """Starts servers with a database and a relay each."""
    databases, relays, servers = [], [], []

    def start(**settings: str) -> Installation:
        database = new_database(migrated_database())
        databases.append(database)
        address = urlsplit(database)
        relay = Relay(address.hostname or "127.0.0.1", address.port or 5432)
        relay.__enter__()
        relays.append(relay)
        at = f"{address.username or 'postgres'}@127.0.0.1:{relay.port}"
        url = address._replace(netloc=at).geturl()
        server = start_server(workers=2, settings={"DATABASE_URL": url, "METRICS_PUBLIC": "true", **settings})
        servers.append(server)
        return Installation(server, relay)

    yield start
    for server in servers:  # ahead of what they need
        server.stop()
    for relay in relays:
        relay.__exit__(None, None, None)
    for database in databases:
        drop_database(database)


@pytest.fixture(scope="module")
def installation(install: Callable[..., Installation]) -> Installation:
    return install()


@pytest.mark.parametrize("mode", ["refuse", "drop", "hang"])
def test_cached_keys_pass_during_outage(installation: Installation, mode: Mode) -> None:
    it = installation
    it.warm_up()
    before = it.stale_lookups()
    it.slowest = 0.0
    it.relay.set(mode)
    assert set(it.traffic(OUTAGE_SECONDS)) == {("/v1/check", 204), ("/v1/whoami", 200)}
    # A worker that hears of the silence by a request of its own lets that one wait.
    assert it.slowest < AT_ONCE_SECONDS + (QUERY_DEADLINE_SECONDS if mode == "hang" else 0.0)
    assert it.stale_lookups() > before
    it.slowest = 0.0
    for _ in range(4):  # of either worker
        wrong = f"{it.key.partition(':')[0]}:{generate_secret()}"
        refused = [it.ask(endpoint, credential) for endpoint in ENDPOINTS for credential in (UNKNOWN, wrong)]
        refused += [it.make_key(), it.ask("/v1/keys"), it.ask("/health"), it.ask("/health/full")]
        assert set(refused) == {503}
    assert it.slowest < AT_ONCE_SECONDS
    it.relay.set("pass")
    recovered = it.traffic(RECOVERY_SECONDS, it.has_recovered)
    assert set(recovered) <= {("/v1/check", 204), ("/v1/whoami", 200)}
    assert {it.make_key() for _ in range(4)} == {201}
    assert {it.ask(endpoint, UNKNOWN) for endpoint in ENDPOINTS} == {401}
    wait_until(lambda: it.ask("/health") == 200, "/health, which is up to a second old")


def test_write_to_silent_database_times_out(installation: Installation) -> None:
    """It was sent before anybody knew, and holds a thread until then."""
    it = installation
    it.warm_up()
    it.relay.set("hang")
    with ThreadPoolExecutor(1) as pool:
        write = pool.submit(it.make_key)
        assert set(it.traffic(FREED_SECONDS, write.done)) == {("/v1/check", 204), ("/v1/whoami", 200)}
        assert write.result(0) == 503
    it.relay.set("pass")
    # A worker that had not heard of the silence yet hears of it by its next change.
    wait_until(lambda: {it.make_key() for _ in range(4)} == {201}, "changes", seconds=RECOVERY_SECONDS)


def test_stale_records_expire(install: Callable[..., Installation]) -> None:
    it = install(DIRECTORY_STALE_SECONDS="2")
    it.warm_up()
    it.relay.set("refuse")
    answers = it.traffic(TTL_SECONDS + 1)  # each worker has read its record before that
    assert answers[("/v1/check", 204)]
    assert {it.ask(endpoint) for endpoint in ENDPOINTS * 4} == {503}
    it.relay.set("pass")
    it.traffic(RECOVERY_SECONDS, it.has_recovered)
    assert {it.ask(endpoint) for endpoint in ENDPOINTS * 4} == {204, 200}
