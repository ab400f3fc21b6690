"""Synthetic keys for measurements: up to millions of rows without events, and with secrets that match no credential."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction

from apikeys.models import APIKey, KeySecret, KeyText, UsageMark, UsageSource
from apikeys.search import text_of
from apikeys.usage.high_water_marks import archive
from latchkey.credentials import KEY_ID_ALPHABET

BATCH: Final = 10_000
COMMON_WORD: Final = "worker"
"""A word that every label contains."""

_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Coprime with 36**12, so that different numbers get different IDs.
_SCATTER: Final = 2_971_215_073_013
_DIGEST: Final = bytes(32)
_UNKNOWN_PEPPER: Final = "synthetic"


def fill(first: int, end: int) -> None:
    """Create the keys numbered `first` (0 or more) to `end` (excluded), 10,000 per transaction.

    Every key has a label with a unique word, one of a thousand owners, and a secret that no credential matches.
    """
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


def _insert(numbers: range) -> None:
    keys = APIKey.objects.bulk_create([_key(number) for number in numbers], batch_size=BATCH)
    KeySecret.objects.bulk_create([_secret(key) for key in keys], batch_size=BATCH)
    KeyText.objects.bulk_create(map(text_of, keys), batch_size=BATCH)
    # Every third key was never used.
    source = archive()
    used = [_mark(key, number, source) for number, key in zip(numbers, keys, strict=True) if number % 3]
    UsageMark.objects.bulk_create(used, batch_size=BATCH)


def _key(number: int) -> APIKey:
    return APIKey(
        key_id=synthetic_key_id(number),
        label=f"{COMMON_WORD} {unique_word(number)}",
        owner=f"team {number % 1000}",
        scopes=["orders:read"],
        rate_limit=None if number % 1000 == 0 else {"burst": 60 + number % 7 * 60, "per_seconds": 60},
        enabled=number % 50 != 0,
        expires_at=_BEGIN + timedelta(days=3650, minutes=number),
        created_at=_BEGIN + timedelta(seconds=number),
    )


def _mark(key: APIKey, number: int, source: UsageSource) -> UsageMark:
    return UsageMark(key=key, source=source, used_0_at=_BEGIN + timedelta(days=30, seconds=number))


def _secret(key: APIKey) -> KeySecret:
    return KeySecret(key=key, slot=0, digest=_DIGEST, pepper_id=_UNKNOWN_PEPPER, created_at=key.created_at)
