"""What the migrations make of a new database; python -m tests.support.schema writes it down (`make schema`)."""

import sqlite3
from contextlib import closing
from os import environ
from pathlib import Path

import django
import psycopg

from backup.schema.description import describe
from backup.schema.expected import expected_file
from backup.schema.sql import Query, Rows, ask_of
from gates.migrations import write_new
from gates.tree import ROOT
from tests.support import environment  # noqa: F401 - sets what the settings are read from
from tests.support.migrated import drop_migrated, migrated_database, migrated_file


def described_sqlite(file: Path) -> frozenset[str]:
    """Return the structure of a SQLite file."""
    with closing(sqlite3.connect(file)) as connection:
        return describe(ask_of(connection), "sqlite")


def described_postgresql(url: str) -> frozenset[str]:
    """Return the structure of a PostgreSQL database."""
    with psycopg.connect(url) as connection:
        return described_over(connection)


def described_over(connection: psycopg.Connection) -> frozenset[str]:
    """Return the structure that a PostgreSQL database has in the transaction of the connection."""
    return describe(asking(connection), "postgresql")


def asking(connection: psycopg.Connection) -> Query:
    """Return what executes a statement over the connection."""

    def ask(statement: str, *_values: object) -> Rows:
        return connection.execute(statement.encode()).fetchall()

    return ask


def described(vendor: str) -> frozenset[str]:
    """Return what the migrations make of a new database."""
    if vendor == "sqlite":
        return described_sqlite(migrated_file())
    return described_postgresql(migrated_database())


def write() -> None:
    """Write the expected structures, and the digests of new migrations."""
    write_new(ROOT)
    try:
        for vendor in ("sqlite", "postgresql"):
            expected_file(vendor).write_text("\n".join(sorted(described(vendor))) + "\n", encoding="utf-8")
    finally:
        drop_migrated()


if __name__ == "__main__":
    environ["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
    django.setup()
    write()
