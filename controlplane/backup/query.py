"""One statement to the database of the settings."""

from collections.abc import Sequence
from typing import Any

from django.db import connection


def ask(statement: str) -> Sequence[Sequence[Any]]:
    """All rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
    return rows
