"""Plain SQL for the settings' database, or for a copy of it, with one interface for SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

from django.db import connection

Rows = Sequence[Sequence[Any]]


class Query(Protocol):
    """Function that executes a statement, with `%s` for each of `values`, and returns all rows."""

    def __call__(self, statement: str, *values: object) -> Rows: ...


def ask(statement: str, *values: object) -> Rows:
    """Execute a statement in the settings' database. Return all rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)  # type: ignore[arg-type]  # what the caller has is what drivers take
        rows: Rows = cursor.fetchall() if cursor.description else []
    return rows


def ask_of(copy: sqlite3.Connection) -> Query:
    """Return a Query for a SQLite file that is not the settings' database."""

    def query(statement: str, *values: object) -> Rows:
        return copy.execute(statement.replace("%s", "?") if values else statement, values).fetchall()

    return query
