"""Command `python -m benchmarks.gateway.many_keys NUMBER FILE`.

It adds that many working keys to the SQLite database and the bucket store that the environment configures, and writes
their credentials to the file, one per line.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Final

import django
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from benchmarks.installation import UNLIMITED_LIKE
from latchkey.credentials import RANDOM_LENGTH, SECRET_PREFIX, checksum
from latchkey.peppers import parse_peppers
from ratelimit.limit import Limit
from ratelimit.stores import open_store

Row = tuple[str | int | bytes | datetime, ...]

_TOGETHER: Final = 1000
_IN_A_TURN: Final = 16
_MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)
_FIRST: Final = 1_000_000_000
"""First ID of the inserted rows, above those of existing keys."""

_KEYS: Final = """
    INSERT INTO apikeys_apikey (id, key_id, label, owner, scopes, rate_limit, enabled, metadata, system, expiry_told,
        epoch, created_at)
    VALUES (%s, %s, %s, %s, '["orders:read"]', %s, 1, '{}', 0, 0, 1, %s)"""
_SECRETS: Final = """
    INSERT INTO apikeys_keysecret (key_id, state, slot, digest, pepper_id, created_at)
    VALUES (%s, 'active', 0, %s, %s, %s)"""
_WORDS: Final = (
    "INSERT INTO apikeys_keyword (key_id, word) SELECT id, 'worker' FROM apikeys_apikey WHERE id >= %s",
    "INSERT INTO apikeys_keyword (key_id, word) SELECT id, 'unit' || id FROM apikeys_apikey WHERE id >= %s",
)


def main(number: int, file: Path) -> None:
    """Insert the keys in one transaction, fill the bucket store, and write the credentials."""
    django.setup()
    synthetic_key_id = import_module("console.demo_data.synthetic_keys").synthetic_key_id
    ids = [synthetic_key_id(key) for key in range(number)]
    with connection.cursor() as cursor:
        # Unsafe but fast: if this process is interrupted, the temporary installation is created again anyway.
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.execute("PRAGMA cache_size = -1000000")
        with transaction.atomic():
            _insert(cursor, _KEYS, _key_rows(ids))
            _insert(cursor, _SECRETS, _secret_rows(number))
            for statement in _WORDS:
                cursor.execute(statement, [_FIRST])
    _fill_buckets(ids)
    with file.open("w", encoding="ascii") as lines:
        lines.writelines(f"{key_id}:{_secret(key)}\n" for key, key_id in enumerate(ids))


def _insert(cursor: CursorWrapper, statement: str, rows: Iterator[Row]) -> None:
    while together := list(islice(rows, _TOGETHER)):
        cursor.executemany(statement, together)


def _secret(number: int) -> str:
    """Return the secret of the key with that number: well-formed, but predictable."""
    random_part = f"{number:0{RANDOM_LENGTH}}"
    return SECRET_PREFIX + random_part + checksum(random_part)


def _key_rows(ids: list[str]) -> Iterator[Row]:
    limit = json.dumps(UNLIMITED_LIKE)
    for number, key_id in enumerate(ids):
        row = _FIRST + number
        yield row, key_id, f"worker unit{row}", f"team {number % 1000}", limit, _MADE


def _secret_rows(number: int) -> Iterator[Row]:
    peppers = parse_peppers(settings.SECRET_PEPPERS)
    for key in range(number):
        yield _FIRST + key, peppers.digest(_secret(key), peppers.current), peppers.current, _MADE


def _fill_buckets(ids: list[str]) -> None:
    """Create every key's bucket, in the state after its first request."""
    # A few per transaction, as in production. Large transactions would leave thousands of free pages behind, which
    # LMDB would search at every commit.
    store = open_store(settings.BUCKET_STORE_URL)
    limit = Limit(**UNLIMITED_LIKE)
    for begin in range(0, len(ids), _IN_A_TURN):
        store.take_many([(key_id.encode(), limit, 1, 1, 0) for key_id in ids[begin : begin + _IN_A_TURN]])
    store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
