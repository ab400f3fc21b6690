"""What passes while the database is down, by a process that has read some keys before."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY

from apikeys.address_limit import AddressLimit
from apikeys.authenticator import Authenticator
from apikeys.cache import key_cache as key_cache_module
from apikeys.cache import query_deadlines
from apikeys.cache.key_cache import REFRESHED_AFTER_SECONDS, TTL_SECONDS, KeyCache
from apikeys.cache.query_deadlines import track_connections
from apikeys.cache.records import KeyRecord, read_records, read_records_with
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import InvalidCredential, RevokedKey
from apikeys.peppers import configured_peppers
from events.origin import Origin
from latchkey.credentials import Credential, generate_secret
from ratelimit.decision import Decision
from ratelimit.limit import Limit
from ratelimit.limiter import Attempt, Limiter
from ratelimit.stores import BucketStoreError, MemoryStore
from tests.apikeys.cache.test_query_deadlines import OnServer

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "203.0.113.7"
STALE_SECONDS = 60.0


class Database:
    """The directory's way to the database, and whether it works."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[list[str]] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def read(self, key_ids: list[str]) -> dict[str, KeyRecord]:
        self.asked.append(list(key_ids))
        if self.away:
            raise OperationalError("away")
        found = read_records(key_ids)
        self.meanwhile()
        return found

    def read_with(self, digests: Mapping[str, Sequence[bytes]]) -> dict[str, KeyRecord]:
        self.asked.append(list(digests))
        if self.away:
            raise OperationalError("away")
        return read_records_with(digests)


class SharedStore(MemoryStore):
    """A store that may be on its fallback, where it confirms nothing."""

    confirms_epochs = True


class Process:
    """A worker: its own directory, its own clock, the store that all share."""

    def __init__(self, limiter: Limiter) -> None:
        self.seconds = 100.0
        self.limiter = limiter
        self.cache = KeyCache(
            clock=lambda: self.seconds, stale_seconds=STALE_SECONDS, confirms=lambda: limiter.confirms_epochs
        )
        self.authenticator = Authenticator(
            cache=self.cache,
            limiter=limiter,
            peppers=configured_peppers(),
            address_limit=AddressLimit(limiter, Limit(3, 60), Attempt.CREDENTIAL, lambda: self.seconds),
            now=lambda: timezone.now().timestamp(),
        )

    def passes(self, credential: Credential) -> bool:
        """One whole request; False where its bucket denies it."""
        return self.authenticator.authenticate_and_charge(credential, ADDRESS, 1)[1].allowed


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database()
    monkeypatch.setattr(key_cache_module, "read_records", database.read)
    monkeypatch.setattr(key_cache_module, "read_records_with", database.read_with)
    return database


@pytest.fixture
def shared() -> SharedStore:
    return SharedStore()


@pytest.fixture
def here(shared: SharedStore, database: Database) -> Process:
    return Process(Limiter(shared))


@pytest.fixture
def service(here: Process) -> ConfigService:
    """Changes keys elsewhere: in another process, which shares the store and has its own way to the database."""
    return ConfigService(Origin("command:test", "r"), limiter=here.limiter)


@pytest.fixture
def key(service: ConfigService) -> IssuedKey:
    return service.issue({"label": "x", "rate_limit": {"burst": 1000, "per_seconds": 60}})


def lookups(outcome: str) -> float:
    return REGISTRY.get_sample_value("key_directory_lookups_total", {"outcome": outcome}) or 0.0


def taken(shared: SharedStore, key: IssuedKey) -> int:
    return shared.peek(key.key.key_id.encode()).allowed


def test_cached_key_is_allowed_until_record_is_too_old(here: Process, key: IssuedKey, database: Database) -> None:
    assert here.passes(key.credential)
    database.away = True
    here.seconds += STALE_SECONDS - 0.001
    before = lookups("stale")
    assert here.passes(key.credential)
    assert lookups("stale") == before + 1
    here.seconds += 0.001
    with pytest.raises(OperationalError):
        here.passes(key.credential)


def test_old_record_is_used_only_in_outage(
    here: Process, key: IssuedKey, service: ConfigService, shared: SharedStore
) -> None:
    """Where the publication failed, and the database answers, the bound is TTL_SECONDS."""
    here.passes(key.credential)
    service.revoke(key.key.key_id)
    shared.forget(key.key.key_id.encode())
    here.seconds += TTL_SECONDS
    with pytest.raises(RevokedKey):
        here.passes(key.credential)


def test_requests_do_not_query_database_that_is_down(here: Process, key: IssuedKey, database: Database) -> None:
    here.passes(key.credential)
    database.away = True
    here.seconds += TTL_SECONDS
    assert here.passes(key.credential)
    database.asked.clear()
    for _ in range(5):
        assert here.passes(key.credential)
        with pytest.raises(OperationalError):
            here.passes(Credential("lk_000000000000", generate_secret()))
    assert database.asked == []


def test_wrong_secret_and_unknown_key_get_same_error(here: Process, key: IssuedKey, database: Database) -> None:
    here.passes(key.credential)
    database.away = True
    for seconds in (0.0, TTL_SECONDS):
        here.seconds += seconds
        refusals = []
        for key_id in (key.key.key_id, "lk_000000000000"):
            with pytest.raises(OperationalError) as caught:
                here.passes(Credential(key_id, generate_secret()))
            refusals.append(str(caught.value))
        assert seconds == 0.0 or refusals[0] == refusals[1]


def test_published_change_applies_in_outage(
    here: Process, key: IssuedKey, service: ConfigService, shared: SharedStore, database: Database
) -> None:
    here.passes(key.credential)
    service.revoke(key.key.key_id)
    database.away = True
    for seconds in (0.0, TTL_SECONDS, TTL_SECONDS):
        here.seconds += seconds
        with pytest.raises(OperationalError):
            here.passes(key.credential)
        verified = here.authenticator.authenticate_from_cache(key.credential)
        assert verified is not None
        assert here.authenticator.charge_batch([(verified, 1)]) == [None]
    assert taken(shared, key) == 1


def test_confirmed_denial_applies_in_outage(
    here: Process, key: IssuedKey, service: ConfigService, database: Database
) -> None:
    service.revoke(key.key.key_id)
    with pytest.raises(RevokedKey):
        here.passes(key.credential)
    database.away = True
    here.seconds += TTL_SECONDS
    with pytest.raises(RevokedKey):
        here.passes(key.credential)


def test_old_record_is_not_used_without_store(
    here: Process, key: IssuedKey, shared: SharedStore, database: Database
) -> None:
    here.passes(key.credential)
    database.away = True
    shared.confirms_epochs = False
    here.seconds += TTL_SECONDS - 0.001
    assert here.passes(key.credential)
    here.seconds += 0.001
    assert here.cache.cached(key.key.key_id) is None
    with pytest.raises(OperationalError):
        here.passes(key.credential)
    shared.confirms_epochs = True
    assert here.passes(key.credential)


def test_fallback_during_request_rejects_old_record(
    here: Process, key: IssuedKey, shared: SharedStore, database: Database
) -> None:
    here.passes(key.credential)
    database.away = True
    here.cache.refresher.record_failure("away")
    young = here.authenticator.authenticate(key.credential, ADDRESS)
    here.seconds += TTL_SECONDS
    old = here.authenticator.authenticate(key.credential, ADDRESS)
    shared.confirms_epochs = False
    with pytest.raises(OperationalError):
        here.authenticator.charge(old, ADDRESS)
    (charged,) = here.authenticator.charge_batch([(old, 1)])
    assert isinstance(charged, BucketStoreError)
    here.cache.refresher.down = False
    assert here.authenticator.charge_batch([(old, 1)]) == [None], "the database is asked where it may answer"
    here.seconds -= TTL_SECONDS
    (charged,) = here.authenticator.charge_batch([(young, 1)])
    assert isinstance(charged, Decision)


def test_fallback_during_request_reads_database(
    here: Process, key: IssuedKey, shared: SharedStore, service: ConfigService, database: Database
) -> None:
    """Where that answers: also when it was too slow to have read the record again in time."""
    here.passes(key.credential)
    here.seconds += REFRESHED_AFTER_SECONDS
    here.passes(key.credential)
    here.seconds += TTL_SECONDS
    old = here.authenticator.authenticate(key.credential, ADDRESS)
    shared.confirms_epochs = False
    assert here.authenticator.charge(old, ADDRESS)[1].allowed
    here.seconds += TTL_SECONDS
    service.revoke(key.key.key_id)
    shared.forget(key.key.key_id.encode())
    with pytest.raises(RevokedKey):
        here.authenticator.charge(old, ADDRESS)


@pytest.mark.parametrize(("confirms", "away"), [(True, False), (True, True), (False, False), (False, True)])
def test_suspended_process_uses_no_old_record(
    here: Process, key: IssuedKey, shared: SharedStore, service: ConfigService, database: Database,
    confirms: bool, away: bool,
) -> None:  # fmt: skip
    """After it looked at its record, and before it took the token; a store that does not confirm has not heard of it."""
    here.passes(key.credential)
    verified = here.authenticator.authenticate(key.credential, ADDRESS)
    service.revoke(key.key.key_id)
    here.seconds += 600
    shared.confirms_epochs, database.away = confirms, away
    if not confirms:
        shared.forget(key.key.key_id.encode())
    with pytest.raises(OperationalError if away else RevokedKey):
        here.authenticator.charge(verified, ADDRESS)
    (charged,) = here.authenticator.charge_batch([(verified, 1)])
    assert not isinstance(charged, Decision)


def test_ensure_fresh_checks_store_for_old_record(
    here: Process, key: IssuedKey, shared: SharedStore, service: ConfigService, database: Database
) -> None:
    here.passes(key.credential)
    database.away = True
    here.cache.refresher.record_failure("away")
    here.seconds += TTL_SECONDS
    verified = here.authenticator.reauthenticate(key.credential, refresh=False)
    here.authenticator.ensure_fresh(verified)
    service.update(key.key.key_id, {"label": "y"})
    with pytest.raises(OperationalError):
        here.authenticator.ensure_fresh(verified)
    here.seconds -= TTL_SECONDS
    here.authenticator.ensure_fresh(verified)


def test_used_records_are_refreshed_in_one_query(
    here: Process, service: ConfigService, shared: SharedStore, database: Database
) -> None:
    keys = [service.issue({"label": "x"}) for _ in range(3)]
    for key in keys:
        here.passes(key.credential)
    here.seconds += REFRESHED_AFTER_SECONDS - 0.001
    here.passes(keys[2].credential)
    here.seconds += 0.001
    database.asked.clear()
    for key in keys[:2] * 2:
        here.passes(key.credential)
    with CaptureQueriesContext(connection) as queries:
        assert here.cache.refresher.run_once()
    assert database.asked == [[key.key.key_id for key in keys[:2]]]
    assert len(queries) == (2 if connection.vendor == "sqlite" else 1), "PostgreSQL takes both together"
    here.seconds += TTL_SECONDS - 0.001
    database.asked.clear()
    for key in keys[:2]:
        here.passes(key.credential)
    assert database.asked == [], "their age counts from the second reading"
    here.passes(keys[2].credential)
    assert database.asked == [[keys[2].key.key_id]]


def test_refresh_blocks_no_request(here: Process, key: IssuedKey, database: Database) -> None:
    """A database that is slow, or silent and not yet known to be: the request does not ask it too."""
    here.passes(key.credential)
    here.seconds += REFRESHED_AFTER_SECONDS
    here.passes(key.credential)
    database.asked.clear()
    here.seconds += TTL_SECONDS
    assert here.passes(key.credential)
    assert database.asked == []
    assert not here.cache.database_is_down


def test_refresh_does_not_overwrite_newer_record(
    here: Process, key: IssuedKey, service: ConfigService, database: Database
) -> None:
    here.passes(key.credential)
    here.seconds += REFRESHED_AFTER_SECONDS
    here.passes(key.credential)

    def change_and_load() -> None:
        database.meanwhile = lambda: None
        service.revoke(key.key.key_id)
        with pytest.raises(RevokedKey):
            here.passes(key.credential)

    database.meanwhile = change_and_load
    assert here.cache.refresher.run_once()
    database.asked.clear()
    with pytest.raises(RevokedKey):
        here.passes(key.credential)
    assert database.asked == []


def test_refresh_keeps_newer_epoch(here: Process, key: IssuedKey, database: Database) -> None:
    here.limiter.publish_epoch(key.key.key_id, 99)
    here.passes(key.credential)
    here.seconds += REFRESHED_AFTER_SECONDS
    here.passes(key.credential)
    assert here.cache.refresher.run_once()
    database.asked.clear()
    assert here.passes(key.credential)
    assert database.asked == []


def test_unchanged_record_stays_same_object(here: Process, key: IssuedKey) -> None:
    here.passes(key.credential)
    before = here.cache.cached(key.key.key_id)
    here.seconds += REFRESHED_AFTER_SECONDS
    here.passes(key.credential)
    here.cache.refresher.run_once()
    assert here.cache.cached(key.key.key_id) is before


def test_database_is_tried_until_it_responds(here: Process, key: IssuedKey, database: Database) -> None:
    here.passes(key.credential)
    database.away = True
    here.seconds += TTL_SECONDS
    here.passes(key.credential)
    answered = [(here.cache.refresher.run_once(), here.cache.database_is_down)]
    database.away = False
    answered.append((here.cache.refresher.run_once(), here.cache.database_is_down))
    assert answered == [(False, True), (True, False)]
    database.asked.clear()
    assert here.passes(key.credential)
    assert database.asked == [], "the thread has read it with its first success"
    with pytest.raises(InvalidCredential):
        here.passes(Credential("lk_000000000000", generate_secret()))


def test_broken_idle_connection_is_not_an_outage(
    here: Process, key: IssuedKey, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.passes(key.credential)
    answers = iter([OperationalError("the connection is closed"), None])

    def read(key_ids: list[str]) -> dict[str, KeyRecord]:
        if (failure := next(answers)) is not None:
            raise failure
        return read_records(key_ids)

    connection.ensure_connection()
    monkeypatch.setattr(key_cache_module, "read_records", read)
    here.seconds += REFRESHED_AFTER_SECONDS
    here.passes(key.credential)
    assert here.cache.refresher.run_once()
    assert not here.cache.database_is_down
    assert next(answers, "both") == "both"


def test_unresponsive_database_closes_waiting_connections(here: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the thread finds out by its own read frees those that wait with it."""
    waiting, server = socket.socketpair()
    found: list[bytes] = []
    with waiting, server:
        waiting.settimeout(5)
        monkeypatch.setattr(query_deadlines, "_open", WeakKeyDictionary())  # not the connection of the tests
        track_connections()
        connection_created.send(OnServer, connection=OnServer(waiting))

        @contextmanager
        def no_patience(_seconds: float, on_silence: Callable[[], None]) -> Iterator[None]:
            on_silence()
            found.append(waiting.recv(1))
            yield
            raise OperationalError("cut")

        monkeypatch.setattr("apikeys.cache.refresher.query_deadline", no_patience)
        assert not here.cache.refresher.run_once()
    assert found == [b""]
    assert here.cache.database_is_down
