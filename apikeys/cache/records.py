"""Key records: what a request needs of a key, and how it is read from the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from django.db.models import Subquery

from apikeys.models import APIKey, KeySecret
from events.batched_sql import Statement, run, select_statement
from events.models import ChainHead
from latchkey.auth_context import AuthContext
from latchkey.timestamps import whole_second
from ratelimit.limit import Limit

# No pepper's ID has this character.
FOREIGN: Final = ":"


@dataclass(frozen=True, slots=True, repr=False)
class SecretRecord:
    """One valid secret: its digest, the pepper of the digest, its slot, and its end in Unix time (None: no end).

    `pepper_id` is FOREIGN and the name of a hash for an imported token that wasn't used yet.
    """

    digest: bytes
    pepper_id: str
    slot: int
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it was in the database when `epoch` was its epoch. `expires_at` is Unix time in seconds.

    `as_of` is the ID of the last event of the log at that time: the record includes all changes up to it. `plan` is the
    name of the key's own plan, and `issued` the day on which the key was issued, in UTC.
    """

    auth: AuthContext
    limit: Limit | None
    enabled: bool
    revoked: bool
    expires_at: float | None
    metadata: dict[str, object]
    secrets: tuple[SecretRecord, ...]
    epoch: int
    as_of: int
    plan: str | None = None
    issued: date | None = None


_HEAD: Final = Subquery(ChainHead.objects.filter(id=1).values("last_id"))


def read_records(key_ids: Sequence[str]) -> dict[str, KeyRecord]:
    """Return the records of those keys that exist, by key ID. Raises django.db.Error."""
    keys, found = run(
        [
            Statement(statement.sql, [*statement.params[: -len(key_ids)], *key_ids], statement.convert)
            for statement in _compiled(len(key_ids))
        ]
    )
    secrets: dict[int, list[KeySecret]] = {}
    for secret in found:
        secrets.setdefault(secret.key_id, []).append(secret)
    return {key.key_id: _record(key, secrets.get(key.pk, ()), key.as_of or 0) for key in keys}


@lru_cache(maxsize=128)
def _compiled(count: int) -> tuple[Statement, Statement]:
    """Return the statements that read `count` keys and their secrets, with the key IDs as their last parameters.

    Compiling them takes longer than running them.
    """
    # All different, because Django leaves out repeated ones.
    key_ids = [str(number) for number in range(count)]
    # The head of the log is read by the same statement as the keys, hence in the same snapshot. The keys are read
    # before their secrets. Secrets that belong to a later epoch than the key are harmless: the bucket store returns the
    # newer epoch with the next request, and the change feed drops the record.
    return (
        select_statement(APIKey.objects.filter(key_id__in=key_ids).annotate(as_of=_HEAD).order_by()),
        select_statement(KeySecret.objects.filter(key__key_id__in=key_ids)),
    )


def read_records_with(digests: Mapping[str, Sequence[bytes]]) -> dict[str, KeyRecord]:
    """Return the records, by key ID, of those keys that have a secret with one of the given digests.

    Raises django.db.Error.
    """
    # A single query finds nothing both for an unknown key and for a wrong secret, so the time doesn't reveal which
    # it was.
    every = [digest for of_key in digests.values() for digest in of_key]
    matches = KeySecret.objects.filter(key__key_id__in=list(digests), digest__in=every).order_by()
    found = list(matches.values_list("key__key_id", flat=True))
    return read_records(found) if found else {}


def read_records_by_token(digests: Sequence[bytes]) -> dict[bytes, KeyRecord]:
    """Return the records of the keys that have an imported token with one of the digests, by that digest.

    Raises django.db.Error.
    """
    tokens = KeySecret.objects.filter(source__isnull=False, digest__in=digests).order_by()
    found = {bytes(digest): key_id for digest, key_id in tokens.values_list("digest", "key__key_id")}
    records = read_records(list(set(found.values()))) if found else {}
    return {digest: records[key_id] for digest, key_id in found.items() if key_id in records}


def _record(key: APIKey, secrets: Iterable[KeySecret], as_of: int) -> KeyRecord:
    return KeyRecord(
        auth=key.auth,
        limit=key.limit,
        enabled=key.enabled,
        revoked=key.revoked_at is not None,
        expires_at=_end(key.expires_at),
        metadata=key.metadata,
        secrets=tuple(
            SecretRecord(
                digest=bytes(secret.digest),
                pepper_id=secret.pepper_id if secret.foreign_hash is None else FOREIGN + secret.foreign_hash,
                slot=secret.slot,
                expires_at=_end(secret.expires_at),
            )
            for secret in secrets
        ),
        epoch=key.epoch,
        as_of=as_of,
        plan=key.plan_name,
        issued=key.created_at.date(),
    )


def _end(moment: datetime | None) -> float | None:
    # Ends are shown in whole seconds, but rows of earlier versions have fractions.
    return whole_second(moment).timestamp() if moment else None
