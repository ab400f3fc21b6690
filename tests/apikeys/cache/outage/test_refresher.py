"""Background refresh of cached keys, and how it detects an outage."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext

from apikeys.cache import key_cache as key_cache_module
from apikeys.cache import query_deadlines
from apikeys.cache.key_cache import REFRESHED_AFTER_SECONDS, TTL_SECONDS
from apikeys.cache.query_deadlines import track_connections
from apikeys.cache.records import KeyRecord, read_records
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import InvalidCredential, RevokedKey
from latchkey.credentials import Credential, generate_secret
from tests.apikeys.cache.outage.process import Database, Process, SharedStore
from tests.apikeys.cache.test_query_deadlines import OnServer

pytestmark = pytest.mark.django_db(transaction=True)


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
        def expired(_seconds: float, on_deadline: Callable[[], None]) -> Iterator[None]:
            on_deadline()
            found.append(waiting.recv(1))
            yield
            raise OperationalError("cut")

        monkeypatch.setattr("apikeys.cache.refresher.query_deadline", expired)
        assert not here.cache.refresher.run_once()
    assert found == [b""]
    assert here.cache.database_is_down
