"""Expected schema: what the migrations create. Every difference is named."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from backup.schema.expected import difference, digest_of, expected_digest, expected_lines
from backup.schema.sql import sql_runner
from tests.support.migrated import migrated_database, migrated_file
from tests.support.postgresql import drop_database, new_database
from tests.support.schema import asking, described, described_over


def remade(fires: str, condition: str) -> str:
    """Return the statements that make a trigger of the event log again, which fires at another time."""
    return (
        "DROP TRIGGER events_are_not_changed ON events_event; CREATE TRIGGER events_are_not_changed"
        f" {fires} ON events_event FOR EACH ROW {condition} EXECUTE FUNCTION events_refuse_change()"
    )


def referring(words: str) -> str:
    """Return the statements that make a reference again, with other words behind it."""
    name = "apikeys_keysecret_key_id_280517e3_fk_apikeys_apikey_id"
    return (
        f"ALTER TABLE apikeys_keysecret DROP CONSTRAINT {name}, ADD CONSTRAINT {name}"
        f" FOREIGN KEY (key_id) REFERENCES apikeys_apikey (id) {words}"
    )


VENDORS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]


@pytest.mark.parametrize("vendor", VENDORS)
def test_expected_schema_matches_migrations(vendor: str) -> None:
    assert described(vendor) ^ expected_lines(vendor) == set(), "make schema writes it"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("SELECT 1", ""),
        ("CREATE INDEX of_an_operator ON apikeys_usage (allowed)", ""),
        (
            "ALTER TABLE apikeys_usagemark DROP COLUMN used_0_at",
            "column apikeys_usagemark.used_0_at datetime missing",
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
def test_difference_is_named(tmp_path: Path, change: str, message: str) -> None:
    shutil.copy(migrated_file(), tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy")) as connection:
        connection.create_function("REGEXP", 2, lambda *_: True, deterministic=True)
        connection.execute(change)
        assert difference(sql_runner(connection), "sqlite") == message


def test_many_differences_are_counted() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        message = difference(sql_runner(connection), "sqlite")
    assert message.endswith(f" and {len(expected_lines('sqlite')) - 3} more missing")


def test_digest_ignores_plain_indexes() -> None:
    lines = expected_lines("sqlite")
    assert digest_of([*lines, "index of_an_operator on apikeys_usage (allowed)"]) == expected_digest("sqlite")
    for line in lines:
        changed = digest_of(lines - {line}) != expected_digest("sqlite")
        assert changed is not line.startswith("index "), line


CHANGES_ON_POSTGRESQL = [
    ("ALTER TABLE events_event DISABLE TRIGGER events_are_not_changed", "trigger events_are_not_changed"),
    ("ALTER TABLE events_event ENABLE REPLICA TRIGGER events_are_not_changed", "trigger events_are_not_changed"),
    (remade("AFTER UPDATE", ""), "trigger events_are_not_changed"),
    (remade("BEFORE UPDATE OF actor", ""), "trigger events_are_not_changed"),
    (remade("BEFORE UPDATE", "WHEN (false)"), "trigger events_are_not_changed"),
    ("ALTER TABLE apikeys_apikey DROP CONSTRAINT key_id_shape", "check key_id_shape"),
    (
        "ALTER TABLE apikeys_apikey DROP CONSTRAINT key_has_label,"
        " ADD CONSTRAINT key_has_label CHECK (label <> '') NOT VALID",
        "check key_has_label",
    ),
    ("ALTER TABLE health_waiver ALTER reason TYPE text", "column health_waiver.reason"),
    ("ALTER TABLE health_waiver ALTER reason DROP NOT NULL", "column health_waiver.reason"),
    ("ALTER TABLE health_waiver ALTER id DROP IDENTITY", "column health_waiver.id"),
    (referring("ON DELETE CASCADE"), "reference apikeys_keysecret.key_id to apikeys_apikey"),
    (referring("NOT VALID"), "reference apikeys_keysecret.key_id to apikeys_apikey"),
    (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'one_secret_a_slot'::regclass",
        "unique index one_secret_a_slot",
    ),
]


@pytest.mark.needs("postgresql")
def test_difference_on_postgresql() -> None:
    url = new_database(migrated_database())
    try:
        with psycopg.connect(url) as connection:
            for change, word in CHANGES_ON_POSTGRESQL:
                connection.execute(change.encode())
                differing = described_over(connection) ^ expected_lines("postgresql")
                connection.rollback()
                assert differing, change
                assert all(line.startswith(word) for line in differing), differing
    finally:
        drop_database(url)


@pytest.mark.needs("postgresql")
def test_hiding_schema_is_named() -> None:
    """As one does that has the name of the database's user, with the search path that PostgreSQL begins with."""
    url = new_database(migrated_database())
    try:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE SCHEMA of_user; SET search_path TO of_user, public")
            message = difference(asking(connection), "postgresql")
    finally:
        drop_database(url)
    assert message == "the schema of_user, the first one in search_path, has none of its tables"


@pytest.mark.needs("postgresql")
def test_invalid_index_is_ignored() -> None:
    """REINDEX CONCURRENTLY builds such a copy of the index, and leaves it behind if it fails."""
    url = new_database(migrated_database())
    try:
        with psycopg.connect(url) as connection:
            for name in ("one_secret_a_slot_ccnew", "one_secret_a_slot_ccold1"):
                connection.execute(f"CREATE UNIQUE INDEX {name} ON apikeys_keysecret (key_id, slot)".encode())
            assert described_over(connection) > expected_lines("postgresql"), "it is a rule while it is valid"
            connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '%_cc%'")
            assert described_over(connection) == expected_lines("postgresql")
    finally:
        drop_database(url)
