"""Synthetic keys for measurements: up to millions of rows without events, and with secrets that match no credential."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction

from apikeys.imports.bulk_insert import bulk_insert
from apikeys.models import APIKey, KeySecret, KeyText, SecretState, UsageMark
from apikeys.search import searchable_text
from apikeys.usage.high_water_marks import archive
from latchkey.credentials import KEY_ID_ALPHABET

BATCH: Final = 10_000
COMMON_WORD: Final = "worker"
"""A word that every label contains."""

_SCOPES: Final = json.dumps(["orders:read"])
_KEY_COLUMNS: Final = (
    "key_id", "label", "owner", "scopes", "rate_limit", "enabled", "expires_at", "metadata", "system", "expiry_told",
    "epoch", "created_at",
)  # fmt: skip
_SECRET_COLUMNS: Final = ("key_id", "state", "slot", "digest", "pepper_id", "created_at")
_MARK_COLUMNS: Final = ("key_id", "source_id", "allowed", "throttled", "used_0_at", "hour_allowed")
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Coprime with 36**12, so that different numbers get different IDs.
_SCATTER: Final = 2_971_215_073_013
_DIGEST: Final = bytes(32)
_UNKNOWN_PEPPER: Final = "synthetic"


def fill(first: int, end: int) -> None:
    """Create the keys numbered `first` (0 or more) to `end` (excluded), 10,000 per transaction.

    Every key has a label with a unique word, one of a thousand owners, and a secret that no credential matches.
    """
    with _text_index_built_last():
        for begin in range(first, end, BATCH):
            with transaction.atomic():
                _insert(range(begin, min(begin + BATCH, end)))


def synthetic_key_id(number: int) -> str:
    """Return the key ID of that number. The IDs are spread as evenly as random ones."""
    rest, digits = number * _SCATTER % 36**12, ""
    for _ in range(12):
        rest, digit = divmod(rest, 36)
        digits = KEY_ID_ALPHABET[digit] + digits
    return f"lk_{digits}"


def unique_word(number: int) -> str:
    """Return the word that only the label of this key contains."""
    return f"unit{number:07}x"


@contextmanager
def _text_index_built_last() -> Iterator[None]:
    """Drop PostgreSQL's trigram index while the context lasts: to build it takes less time than to add to it."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        # PostgreSQL drops no index while a check of its table is deferred.
        connection.check_constraints()
        cursor.execute("SELECT pg_get_indexdef('key_by_text'::regclass)")
        (definition,) = cursor.fetchone()
        cursor.execute("DROP INDEX key_by_text")
        try:
            yield
        finally:
            connection.check_constraints()
            cursor.execute(definition)


def _insert(numbers: range) -> None:
    ids = {synthetic_key_id(number): number for number in numbers}
    bulk_insert(APIKey, _KEY_COLUMNS, [_key_row(key_id, number) for key_id, number in ids.items()])
    keys = APIKey.objects.filter(key_id__in=list(ids)).order_by().values_list("pk", "key_id")
    rows = sorted((ids[key_id], primary_key, key_id) for primary_key, key_id in keys)
    bulk_insert(
        KeySecret,
        _SECRET_COLUMNS,
        [(key, SecretState.ACTIVE.value, 0, _DIGEST, _UNKNOWN_PEPPER, _created_at(number)) for number, key, _ in rows],
    )
    bulk_insert(KeyText, ("key_id", "text"), [(key, _text(key_id, number)) for number, key, key_id in rows])
    # Every third key was never used.
    source = archive().pk
    bulk_insert(
        UsageMark,
        _MARK_COLUMNS,
        [(key, source, 0, 0, _created_at(number) + timedelta(days=30), 0) for number, key, _ in rows if number % 3],
    )


def _key_row(key_id: str, number: int) -> tuple[object, ...]:
    limit = None if number % 1000 == 0 else json.dumps({"burst": 60 + number % 7 * 60, "per_seconds": 60})
    return (
        key_id, _label(number), _owner(number), _SCOPES, limit, number % 50 != 0,
        _BEGIN + timedelta(days=3650, minutes=number), "{}", False, False, 1, _created_at(number),
    )  # fmt: skip


def _text(key_id: str, number: int) -> str:
    return searchable_text(key_id, _label(number), _owner(number), {})


def _label(number: int) -> str:
    return f"{COMMON_WORD} {unique_word(number)}"


def _owner(number: int) -> str:
    return f"team {number % 1000}"


def _created_at(number: int) -> datetime:
    return _BEGIN + timedelta(seconds=number)
