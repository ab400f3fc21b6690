"""Fixtures of tests of an outage of the database."""

import pytest

from apikeys.cache import feed
from apikeys.cache import key_cache as key_cache_module
from apikeys.config_service import ConfigService, IssuedKey
from events.feed import read_after, read_head
from events.origin import Origin
from ratelimit.limiter import Limiter
from tests.apikeys.cache.outage.process import Database, Process, SharedStore


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database()
    monkeypatch.setattr(key_cache_module, "read_records", database.read)
    monkeypatch.setattr(key_cache_module, "read_records_with", database.read_with)
    monkeypatch.setattr(feed, "read_after", database.follow(read_after))
    monkeypatch.setattr(feed, "read_head", database.follow(read_head))
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
