"""Rows of imported keys, as they are written to the database, and their key IDs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from apikeys.imports.bulk_insert import bulk_insert
from apikeys.models import APIKey, ImportSource, KeySecret, KeyText, SecretState
from apikeys.search import searchable_text
from latchkey.credentials import KEY_ID_ALPHABET
from latchkey.peppers import Peppers

_KEY_COLUMNS: Final = (
    "key_id", "label", "owner", "scopes", "rate_limit", "enabled", "expires_at", "metadata", "system", "expiry_told",
    "epoch", "import_event", "created_at",
)  # fmt: skip
_SECRET_COLUMNS: Final = ("key_id", "state", "slot", "digest", "pepper_id", "source_id", "foreign_hash", "created_at")
_KEY_ID_LENGTH: Final = 12
_TWO_DIGITS: Final = [first + second for first in KEY_ID_ALPHABET for second in KEY_ID_ALPHABET]


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """A key to import: the key IDs that it may have (see `key_ids_of`), its digest, and its valid fields."""

    key_ids: Sequence[str]
    digest: bytes
    values: Mapping[str, Any]

    @property
    def key_id(self) -> str:
        """Return the key ID that a new key gets."""
        return self.key_ids[0]

    @property
    def issued(self) -> list[object]:
        """Return the key ID and the fields, as the digest of an import covers them."""
        values = self.values
        expires_at = values.get("expires_at")
        return [
            self.key_id,
            values["label"],
            values.get("owner", ""),
            values.get("scopes", []),
            values["rate_limit"],
            expires_at.isoformat() if expires_at else None,
            values.get("metadata", {}),
        ]


def key_ids_of(digest: bytes, peppers: Peppers) -> list[str]:
    """Return the key IDs that a key with this imported digest may have: one per pepper, the current one's first.

    The same digest always gives the same key ID. So an import that is repeated finds its keys, even after first use
    has replaced the digest, or a rotation has. Without the pepper, a key ID says nothing about the digest.
    """
    text = "import:" + digest.hex()
    ids = sorted(peppers.by_id, key=lambda pepper_id: pepper_id != peppers.current)
    return ["lk_" + _base36(peppers.digest(text, pepper_id)) for pepper_id in ids]


def insert_keys(keys: Sequence[ImportedKey], source: ImportSource, event_id: int, now: datetime) -> None:
    """Insert the keys with their tokens and their search texts. Raises django.db.Error."""
    bulk_insert(APIKey, _KEY_COLUMNS, [_key_row(key, event_id, now) for key in keys])
    names = [key.key_id for key in keys]
    primary_keys = dict(APIKey.objects.filter(key_id__in=names).order_by().values_list("key_id", "pk"))
    bulk_insert(KeySecret, _SECRET_COLUMNS, _secret_rows(keys, primary_keys, source, now))
    bulk_insert(KeyText, ("key_id", "text"), _text_rows(keys, primary_keys))


def _key_row(key: ImportedKey, event_id: int, now: datetime) -> tuple[object, ...]:
    values = key.values
    limit = values["rate_limit"]
    return (
        key.key_id, values["label"], values.get("owner", ""), _scopes_json(tuple(values.get("scopes", ()))),
        None if limit is None else _limit_json(**limit), True, values.get("expires_at"),
        json.dumps(values.get("metadata", {})), False, False, 1, event_id, now,
    )  # fmt: skip


def _secret_rows(
    keys: Sequence[ImportedKey], primary_keys: Mapping[str, int], source: ImportSource, now: datetime
) -> Iterator[tuple[object, ...]]:
    for key in keys:
        yield (
            primary_keys[key.key_id], SecretState.ACTIVE.value, 0, key.digest, "", source.pk, source.hash, now,
        )  # fmt: skip


def _text_rows(keys: Sequence[ImportedKey], primary_keys: Mapping[str, int]) -> Iterator[tuple[object, ...]]:
    for key in keys:
        values = key.values
        text = searchable_text(key.key_id, values["label"], values.get("owner", ""), values.get("metadata", {}))
        yield primary_keys[key.key_id], text


def _base36(digest: bytes) -> str:
    number = int.from_bytes(digest)
    digits = []
    for _ in range(_KEY_ID_LENGTH // 2):
        number, two = divmod(number, len(_TWO_DIGITS))
        digits.append(_TWO_DIGITS[two])
    return "".join(digits)


@lru_cache(maxsize=256)
def _scopes_json(scopes: tuple[str, ...]) -> str:
    return json.dumps(scopes)


@lru_cache(maxsize=256)
def _limit_json(burst: int, per_seconds: int) -> str:
    return json.dumps({"burst": burst, "per_seconds": per_seconds})
