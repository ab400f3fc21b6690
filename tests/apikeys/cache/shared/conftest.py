"""Fixtures of tests of shared records: processes of one host that share a record file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from apikeys.cache.shared import record_file, synchronization
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.peppers import configured_peppers
from events.feed import read_after
from events.origin import Origin
from latchkey.peppers import Peppers
from ratelimit.limiter import Limiter
from tests.apikeys.cache.outage import conftest as outage
from tests.apikeys.cache.outage.process import Database, Process, SharedStore

database = outage.database
shared = outage.shared
key = outage.key

Start = Callable[..., Process]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the file. It has few pages, because some tests copy all of it."""
    monkeypatch.setattr(record_file, "PAGES", 8)
    return tmp_path / "records"


@pytest.fixture
def start(path: Path, shared: SharedStore, database: Database, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts processes that share the file."""
    monkeypatch.setattr(synchronization, "read_after", database.follow(read_after))

    def start(peppers: Peppers | None = None, seconds: float = 100.0) -> Process:
        process = Process(Limiter(shared))
        process.seconds = seconds
        process.cache.share(path, peppers or configured_peppers())
        if not database.away:
            process.authenticator.read_policies()
        process.follow()
        database.asked.clear()
        return process

    return start


@pytest.fixture
def service(shared: SharedStore) -> ConfigService:
    """Changes keys in a process that doesn't use the file."""
    return ConfigService(Origin("command:test", "r"), limiter=Limiter(shared))


@pytest.fixture
def here(start: Start, key: IssuedKey) -> Process:
    return start()


@pytest.fixture
def there(start: Start, key: IssuedKey) -> Process:
    return start()
