"""Upgrade of a database of an earlier version: all data is kept and works."""

import hmac
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backup.schema.expected import expected_lines
from tests.databases.dumping import copied_rows
from tests.databases.landed import DUMPS, PEPPERS, SECRET_KEY, Rows, load_postgresql, load_sqlite, parts
from tests.support.commands import manage, run
from tests.support.postgresql import drop_database, new_database
from tests.support.schema import described_postgresql, described_sqlite

LANDED = ["ace607d"]
WEBHOOKS = "events_webhookendpoint"
# What these have besides is of the new migrations.
MAY_GROW = {
    "django_migrations", "django_content_type", "auth_permission", "auth_group_permissions", "apikeys_usagemark",
    "apikeys_usagesource",
}  # fmt: skip
REMOVED = {"apikeys_keyword"}
"""Tables that a later version replaced by others. `tests.databases.look` sees whether their data is in those."""
MOVED = {"apikeys_apikey": {"last_used_at"}, "apikeys_keysecret": {"first_used_at", "last_used_at"}}
"""Columns that a later version moved to another table."""
USED = """
UPDATE apikeys_apikey SET last_used_at = '2026-11-21 13:00:00+00:00' WHERE label IN ('key root', 'key revoked');
UPDATE apikeys_apikey SET last_used_at = '2026-11-22 13:00:00+00:00' WHERE label = 'key rotating';
UPDATE apikeys_keysecret SET last_used_at = '2026-11-21 13:00:00+00:00'
WHERE slot = 0 AND key_id IN (SELECT id FROM apikeys_apikey WHERE label IN ('key root', 'key rotating'));
UPDATE apikeys_keysecret SET last_used_at = '2026-11-22 13:00:00+00:00' WHERE slot = 1;
"""
LAST_USED = {
    "key root": ["2026-11-21T13:00:00Z", {"0": "2026-11-21T13:00:00Z"}],
    "key rotating": ["2026-11-22T13:00:00Z", {"0": "2026-11-21T13:00:00Z", "1": "2026-11-22T13:00:00Z"}],
    "key disabled": [None, {"0": None}],
    # Used last with a secret that had ended.
    "key revoked": ["2026-11-21T13:00:00Z", {"0": None}],
    "key unlimited": [None, {"0": None}],
}
WORKS = {
    "root": "authenticated",
    "rotating": "authenticated",
    "rotated": "authenticated",
    "disabled": "disabled-key",
    "revoked": "revoked-key",
    "unlimited": "authenticated",
}


@dataclass
class Upgraded:
    """A migrated database, and the dump that it was."""

    vendor: str
    dump: Path
    environment: dict[str, str]

    @property
    def place(self) -> str:
        """The file of SQLite, or the URL."""
        return self.environment["DATABASE_URL"].removeprefix("sqlite:///")

    def rows(self, part: Rows) -> list[str]:
        """The rows that the table has now, in the columns that it had then and still has, as COPY writes them."""
        columns = ", ".join(f'"{column}"' for column in part.columns if column not in MOVED.get(part.table, ()))
        if self.vendor == "sqlite":
            with closing(sqlite3.connect(self.place)) as file:
                return sorted(copied_rows(file, part.table, columns))
        statement = f'COPY "{part.table}" ({columns}) TO STDOUT'.encode()
        with psycopg.connect(self.place) as connection, connection.cursor().copy(statement) as copy:
            return sorted(b"".join(bytes(block) for block in copy).decode().splitlines())

    def schema(self) -> frozenset[str]:
        return described_sqlite(Path(self.place)) if self.vendor == "sqlite" else described_postgresql(self.place)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((commit, vendor), marks=[pytest.mark.needs("postgresql")] if vendor == "postgresql" else [])
        for commit in LANDED
        for vendor in ("sqlite", "postgresql")
    ],
    ids=str,
)
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """Made and migrated once; no test changes it."""
    commit, vendor = request.param
    directory, dump = tmp_path_factory.mktemp("upgraded"), DUMPS / f"{commit}-{vendor}.sql"
    if vendor == "sqlite":
        url = f"sqlite:///{directory}/latchkey.sqlite3"
        load_sqlite(dump, directory / "latchkey.sqlite3")
        with closing(sqlite3.connect(directory / "latchkey.sqlite3")) as file:
            file.executescript(USED.replace("+00:00", ""))
    else:
        url = new_database()
        load_postgresql(dump, url)
        with psycopg.connect(url) as connection:
            connection.execute(USED)
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(directory),
        "DATABASE_URL": url,
        "SECRET_KEY": SECRET_KEY,
        "SECRET_PEPPERS": PEPPERS,
    }
    manage(["migrate", "-v0"], environment, check=True)
    yield Upgraded(vendor, dump, environment)
    if vendor == "postgresql":
        drop_database(url)


def test_rows_are_unchanged(upgraded: Upgraded) -> None:
    tables = [part for part in parts(upgraded.dump) if isinstance(part, Rows)]
    assert {"apikeys_keysecret", "apikeys_usage", "events_event", "health_waiver"} <= {part.table for part in tables}
    for part in tables:
        if part.table in REMOVED:
            continue
        now, then = upgraded.rows(part), sorted(without_moved(part))
        assert (set(then) <= set(now)) if part.table in MAY_GROW else (now == then), part.table


def without_moved(part: Rows) -> list[str]:
    """The rows that the table had then, in the columns that it still has."""
    kept = [column not in MOVED.get(part.table, ()) for column in part.columns]
    return ["\t".join(compress(line.split("\t"), kept)) for line in part.lines]


def test_schema_matches_new_database(upgraded: Upgraded) -> None:
    assert upgraded.schema() ^ expected_lines(upgraded.vendor) == set()


@pytest.fixture(scope="module")
def seen(upgraded: Upgraded) -> Any:
    return json.loads(run(["-m", "tests.databases.look"], upgraded.environment, check=True).stdout)


def test_upgraded_data_works(seen: Any) -> None:
    assert seen["codes"] == WORKS
    assert (seen["password"], seen["authenticator"], seen["recovery"]) == (True, True, True)
    assert seen["found"] == seen["labels"]
    assert (seen["breaks"], seen["last_event"] > 10) == ([], True)


def test_last_use_is_unchanged(seen: Any) -> None:
    assert seen["last_used"] == LAST_USED
    # Only its days had totals.
    assert seen["keys_a_total"] == [5]


def test_webhook_secrets_are_unchanged(upgraded: Upgraded, seen: Any) -> None:
    (webhook,) = (part for part in parts(upgraded.dump) if isinstance(part, Rows) and part.table == WEBHOOKS)
    values = dict(zip(webhook.columns, webhook.lines[0].split("\t"), strict=True))
    peppers = {name: bytes.fromhex(text) for name, _, text in (one.partition(":") for one in PEPPERS.split(","))}
    texts = [f"webhook:{values['endpoint_id']}:{values[salt]}" for salt in ("salt", "retiring_salt")]
    pepper = peppers[values["pepper_id"]]
    assert seen["signing_keys"] == [hmac.digest(pepper, text.encode(), "sha256").hex() for text in texts]
