"""The thread that asks the database once a second, and how it detects an outage."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from apikeys.cache import poller, query_deadlines
from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.cache.poller import INTERVAL_SECONDS, MIN_PAUSE_SECONDS, DatabasePoller
from apikeys.cache.query_deadlines import track_connections
from apikeys.config_service import IssuedKey
from apikeys.errors import InvalidCredential
from latchkey.credentials import Credential, generate_secret
from tests.apikeys.cache.outage.process import Database, Process
from tests.apikeys.cache.test_query_deadlines import OnServer

pytestmark = pytest.mark.django_db(transaction=True)


def test_unanswered_question_blocks_no_request(here: Process, key: IssuedKey, database: Database) -> None:
    """A database that is slow, or silent and not yet known to be: the request does not ask it too."""
    here.passes(key.credential)
    database.asked.clear()
    here.seconds += TTL_SECONDS
    here.cache.poller.is_asking = True
    assert here.passes(key.credential)
    assert database.asked == []
    assert not here.cache.database_is_down
    here.cache.poller.is_asking = False
    assert here.passes(key.credential)
    assert database.asked == [[key.key.key_id]], "the thread does not ask, so the request does"


def test_database_is_tried_until_it_responds(here: Process, key: IssuedKey, database: Database) -> None:
    here.follow()
    here.passes(key.credential)
    database.away = True
    here.seconds += TTL_SECONDS
    answered = [(here.follow(), here.cache.database_is_down)]
    database.away = False
    answered.append((here.follow(), here.cache.database_is_down))
    assert answered == [(False, True), (True, False)]
    database.asked.clear()
    assert here.passes(key.credential)
    assert database.asked == [], "the first answer confirms it"
    with pytest.raises(InvalidCredential):
        here.passes(Credential("lk_000000000000", generate_secret()))


def test_broken_idle_connection_is_not_an_outage() -> None:
    failures = [OperationalError("the connection is closed")]

    def ask() -> bool:
        if failures:
            raise failures.pop()
        return False

    connection.ensure_connection()
    one = DatabasePoller(ask)
    assert one.run_once()
    assert (one.down, failures) == (False, [])


def test_more_events_are_asked_for_immediately() -> None:
    answers, asking = [True, True, False], []

    def ask() -> bool:
        asking.append(one.is_asking)
        return answers.pop(0)

    one = DatabasePoller(ask)
    assert one.run_once()
    assert (answers, asking, one.is_asking) == ([], [True] * 3, False)


class Ended(Exception):
    """Ends the endless loop of a thread."""


def pauses_of(ask: Callable[[], bool], monkeypatch: pytest.MonkeyPatch, times: int) -> list[tuple[float, bool]]:
    """Return how long the thread waits after each of its questions, and whether it was already woken then."""
    one, pauses = DatabasePoller(ask), list[tuple[float, bool]]()

    def wait(seconds: float) -> None:
        pauses.append((round(seconds, 1), one._woken.is_set()))
        if len(pauses) == times:
            raise Ended

    monkeypatch.setattr(poller, "sleep", lambda seconds: pauses.append((seconds, False)))
    monkeypatch.setattr(poller, "monotonic", lambda: 100.0)
    monkeypatch.setattr(poller, "use_unpooled_connection", lambda: None)
    monkeypatch.setattr(one._woken, "wait", wait)
    with pytest.raises(Ended):
        one._run()
    return pauses


def test_thread_asks_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    one_pause = [(MIN_PAUSE_SECONDS, False), (INTERVAL_SECONDS, False)]
    assert pauses_of(lambda: False, monkeypatch, 4) == one_pause * 2

    def fail() -> bool:
        raise OperationalError("away")

    assert pauses_of(fail, monkeypatch, 4) == one_pause * 2, "its own failure does not wake it"


def test_failure_of_request_wakes_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    one = DatabasePoller(lambda: False)
    started: list[object] = []
    monkeypatch.setattr(one, "_start", started.append)
    one.record_failure("away")
    assert (one.down, one._woken.is_set(), len(started)) == (True, True, 1)


def test_unresponsive_database_closes_waiting_connections(here: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the thread finds out by its own question frees those that wait with it."""
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

        monkeypatch.setattr("apikeys.cache.poller.query_deadline", expired)
        assert not here.follow()
    assert found == [b""]
    assert here.cache.database_is_down
