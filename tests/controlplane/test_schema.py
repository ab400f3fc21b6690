"""What a database has to have is what the migrations make of a new one, and any other structure is named."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from controlplane.query import ask_of
from controlplane.schema.expected import difference, digest_of, expected_digest, expected_lines
from tests.support.migrated import migrated_database, migrated_file
from tests.support.postgresql import drop_database, new_database
from tests.support.schema import described, described_postgresql

VENDORS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]


@pytest.mark.parametrize("vendor", VENDORS)
def test_expected_structure_is_what_the_migrations_make(vendor: str) -> None:
    assert described(vendor) ^ expected_lines(vendor) == set(), "make schema writes it"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("SELECT 1", ""),
        ("CREATE INDEX of_an_operator ON apikeys_usage (allowed)", ""),
        (
            "ALTER TABLE apikeys_keysecret DROP COLUMN first_used_at",
            "column apikeys_keysecret.first_used_at datetime missing",
        ),
        ("ALTER TABLE health_lease ADD COLUMN more text", "column health_lease.more text extra"),
        ("DROP INDEX key_by_owner", "index key_by_owner on apikeys_apikey (owner, id) missing"),
        (
            "DROP TRIGGER events_are_not_changed",
            "trigger events_are_not_changed on events_event 8cd54d9522af2f90 missing",
        ),
        ("CREATE UNIQUE INDEX one ON apikeys_usage (allowed)", "unique index one on apikeys_usage (allowed) extra"),
    ],
)
def test_difference_is_named(tmp_path: Path, change: str, told: str) -> None:
    shutil.copy(migrated_file(), tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy")) as connection:
        connection.create_function("REGEXP", 2, lambda *_: True, deterministic=True)
        connection.execute(change)
        assert difference(ask_of(connection), "sqlite") == told


def test_much_that_differs_is_counted() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        told = difference(ask_of(connection), "sqlite")
    assert told.endswith(f" and {len(expected_lines('sqlite')) - 3} more missing")


def test_digest_counts_all_but_what_only_speeds_queries_up() -> None:
    lines = expected_lines("sqlite")
    assert digest_of([*lines, "index of_an_operator on apikeys_usage (allowed)"]) == expected_digest("sqlite")
    for line in lines:
        changed = digest_of(lines - {line}) != expected_digest("sqlite")
        assert changed is not line.startswith("index "), line


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("ALTER TABLE events_event DISABLE TRIGGER events_are_not_changed", "trigger events_are_not_changed"),
        ("ALTER TABLE apikeys_apikey DROP CONSTRAINT key_id_shape", "check key_id_shape"),
        ("ALTER TABLE health_waiver ALTER reason TYPE text", "column health_waiver.reason"),
        ("ALTER TABLE health_waiver ALTER reason DROP NOT NULL", "column health_waiver.reason"),
    ],
)
def test_difference_on_postgresql(change: str, word: str) -> None:
    url = new_database(migrated_database())
    try:
        with psycopg.connect(url) as connection:
            connection.execute(change.encode())
        differing = described_postgresql(url) ^ expected_lines("postgresql")
        assert differing
        assert all(line.startswith(word) for line in differing)
    finally:
        drop_database(url)
