"""Fixtures that many tests share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.dispatch import receiver
from django.test import Client
from django.test.signals import setting_changed
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from apikeys import address_limit, authenticator, hmac_secrets, settling
from apikeys.cache import key_cache
from apikeys.callers.recorder import CALLERS
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.imports import sources
from apikeys.policies import policies
from events import lock_timeout
from events.origin import Origin
from gateway.native import metrics
from health.evaluation_queries import clear_templates
from httpserver.static_files import StaticFilesMiddleware
from ratelimit import limiter
from ratelimit.stores import MemoryStore
from tests.support import event_loops
from tests.support.tables import keep_what_migrations_made

append_only = import_module("events.migrations.0002_append_only")


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    ns: int = 1_800_000_000_000_000_000

    def __call__(self) -> int:
        return self.ns

    def seconds(self) -> float:
        """The same time in seconds."""
        return self.ns / 1e9

    def move(self, seconds: float) -> None:
        """Moves on, or back."""
        self.ns += round(seconds * 1e9)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Takes the triggers off that refuse deleting events: emptying the tables after a test deletes. What the triggers
    do has a test of its own, which puts them on again."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            for statement in append_only.UNDO[connection.vendor]:
                cursor.execute(statement)
        keep_what_migrations_made()
    if connection.vendor == "postgresql":
        connection.ops.sql_flush = _delete  # type: ignore[method-assign, assignment]


def _delete(_style: object, tables: Iterable[str], **_: bool) -> list[str]:
    """In place of TRUNCATE, which takes as long as writing many files does, however few rows there are."""
    return [f"DELETE FROM {connection.ops.quote_name(table)};" for table in tables]


@pytest.fixture(scope="session", autouse=True)
def static_files_found_once() -> None:
    """Lets the handler of each test's client take over what the first one found: to look for static files takes longer
    than a request.
    """
    find, found = StaticFilesMiddleware.add_files_from_finders, dict[str, object]()

    def take_over(self: StaticFilesMiddleware) -> None:
        if not found:
            find(self)
            found.update(self.files)
        self.files.update(found)

    StaticFilesMiddleware.add_files_from_finders = take_over


@pytest.fixture(scope="session")
def own_stores() -> None:
    """Mark tests that start a server, so that a run over services can select them by this name.

    In such a run, the server gets its own database and bucket store.
    """


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins as a process does: no key cached, all buckets full. Nothing runs behind its back."""
    monkeypatch.setattr("apikeys.cache.poller.DatabasePoller._start", lambda *_: None)
    # As if its process had read that there is none.
    monkeypatch.setattr("apikeys.imports.sources.ImportSources._sources", ())
    monkeypatch.setattr("apikeys.imports.sources.ImportSources._due_at", float("inf"))
    monkeypatch.setattr("apikeys.imports.first_use.FirstUses._start", lambda *_: None)
    # Nor is a read that a busy machine makes slow taken for silence: the connection that it cuts is that of all tests.
    monkeypatch.setattr("apikeys.cache.poller.QUERY_DEADLINE_SECONDS", 600.0)
    monkeypatch.setattr("apikeys.cache.key_cache.QUERY_DEADLINE_SECONDS", 600.0)
    monkeypatch.setattr("health.local_health.QUERY_DEADLINE_SECONDS", 600.0)
    caches = (
        limiter.default_limiter, address_limit.sign_in_limit, key_cache.default_key_cache, authenticator.default_authenticator,
        metrics.loop_authenticator, policies.default_policies, sources.default_import_sources, hmac_secrets.hmac_secrets,
        settling.default_settler,
    )  # fmt: skip
    for cache in caches:
        cache.cache_clear()
    lock_timeout.reset()
    CALLERS.clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture(autouse=True)
def event_loops_close_what_they_open() -> Iterator[None]:
    """Names the test that left a connection open; Python tells of it when it is collected, in a later one."""
    with event_loops.watched() as left:
        yield
    assert left == []


@receiver(setting_changed)
def templates_know_settings(**_: object) -> None:
    """A process has one set of settings, a test may have several."""
    clear_templates()


@pytest.fixture
def store() -> MemoryStore:
    """The store behind the process's limiter."""
    found = limiter.default_limiter().store
    assert isinstance(found, MemoryStore)
    return found


@pytest.fixture
def service(db: None) -> ConfigService:
    return ConfigService(Origin("command:test", "request-of-test"))


@pytest.fixture
def root(service: ConfigService) -> IssuedKey:
    """A key that may do everything, with room for many requests."""
    values = {"label": "root", "scopes": ["*"], "rate_limit": {"burst": 1000, "per_seconds": 60}}
    return service.issue(values)


class Caller(APIClient):
    """A REST client that speaks JSON with one credential."""

    def __init__(self, credential: str | None = None, **extra: Any) -> None:
        super().__init__(**extra)
        self.default_format = "json"
        if credential is not None:
            self.credentials(HTTP_X_API_KEY=credential)


@pytest.fixture
def api(root: IssuedKey) -> Caller:
    """A client with the root key."""
    return Caller(root.credential.reveal())


@pytest.fixture
def anonymous() -> Caller:
    return Caller()


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    """A browser in which the superuser ada is signed in."""
    client.force_login(User.objects.create_superuser("ada"))
    return client
