"""The stores that a run of the suite is over, and what of them each real server gets for itself."""

import os
from pathlib import Path
from uuid import uuid4

import redis

from tests.support.migrated import migrated_database
from tests.support.postgresql import drop_database, new_database
from tests.support.services import SERVICES, redis_url

EMBEDDED, ON_SERVICES = "embedded", "services"
TITLES = {EMBEDDED: "SQLite and lmdb", ON_SERVICES: "PostgreSQL and Redis"}
NEEDED = (SERVICES["postgresql"], SERVICES["redis"])


def chosen() -> str:
    """What TEST_STORES says of this run. Raises ValueError where that is neither EMBEDDED nor ON_SERVICES."""
    name = os.environ.get("TEST_STORES") or EMBEDDED
    if name not in TITLES:
        raise ValueError(f"TEST_STORES must be {' or '.join(TITLES)}")
    return name


class ServerStores:
    """The PostgreSQL databases and the keys in Redis of the servers that this process starts; `expected` says whether
    the test that runs is known to touch stores, and is None where no test runs.
    """

    def __init__(self) -> None:
        self.expected: bool | None = None
        self._made: dict[Path, dict[str, str]] = {}

    def of(self, data_dir: Path, *, migrated: bool = False) -> dict[str, str]:
        """The settings that lead the server of a data directory to stores of its own, made at the first call, with an
        empty database or a migrated one. None where they lie in that directory.
        """
        if self.expected is False:
            raise AssertionError(
                "a test that starts a server asks for the fixture own_stores: see tests/support/environment.py"
            )
        if chosen() == EMBEDDED:
            return {}
        if data_dir not in self._made:
            url = new_database(migrated_database() if migrated else None)
            self._made[data_dir] = {"DATABASE_URL": url, **_new_bucket_store()}
        return self._made[data_dir]

    def drop(self) -> None:
        """Drops all that was made."""
        while self._made:
            _, settings = self._made.popitem()
            drop_database(settings["DATABASE_URL"])
            _drop_bucket_store(settings["BUCKET_STORE_URL"])


SERVER_STORES = ServerStores()
"""Those of this process."""


def _new_bucket_store() -> dict[str, str]:
    """With so much time for an answer that a machine with other work does not take its store for lost."""
    url = f"{redis_url()}?prefix=latchkey-test-{os.getpid()}-{uuid4().hex[:12]}:"
    return {"BUCKET_STORE_URL": url, "BUCKET_STORE_TIMEOUT_MS": "5000"}


def _drop_bucket_store(url: str) -> None:
    address, _, prefix = url.partition("?prefix=")
    with redis.Redis.from_url(address) as connection:
        for key in connection.scan_iter(match=f"{prefix}*", count=1000):
            connection.unlink(key)
