"""Key records: what a request needs of a key, and how it is read from the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from django.db import connection
from django.db.models import QuerySet, Subquery

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
    """Return the records of those keys that exist, by key ID, with two queries. Raises django.db.Error."""
    return _read(_compiled(len(key_ids)), key_ids)


def read_records_with(digests: Mapping[str, Sequence[bytes]]) -> dict[str, KeyRecord]:
    """Return the records, by key ID, of those keys that have a secret with one of the given digests.

    Two queries find all of them. Raises django.db.Error.
    """
    # The queries find nothing both for an unknown key and for a wrong secret, so the time doesn't reveal which it was.
    every = [_parameter(digest) for of_key in digests.values() for digest in of_key]
    return _read(_compiled_with(len(digests), len(every)), [*digests, *every])


def read_records_by_token(digests: Sequence[bytes]) -> dict[bytes, KeyRecord]:
    """Return the records of the keys that have an imported token with one of the digests, by that digest.

    Two queries find all of them. Raises django.db.Error.
    """
    records = _read(_compiled_by_token(len(digests)), [_parameter(digest) for digest in digests])
    wanted = frozenset(digests)
    return {
        secret.digest: record for record in records.values() for secret in record.secrets if secret.digest in wanted
    }


def _read(statements: Sequence[Statement], last: Sequence[object]) -> dict[str, KeyRecord]:
    """Run the statements of `_select`, with `last` as their last parameters."""
    keys, found = run(
        [
            Statement(statement.sql, [*statement.params[: -len(last)], *last], statement.convert)
            for statement in statements
        ]
    )
    secrets: dict[int, list[KeySecret]] = {}
    for secret in found:
        secrets.setdefault(secret.key_id, []).append(secret)
    return {key.key_id: _record(key, secrets.get(key.pk, ()), key.as_of or 0) for key in keys}


@lru_cache(maxsize=128)
def _compiled(count: int) -> tuple[Statement, Statement]:
    """Return the statements that read `count` keys by their IDs, which are the last parameters."""
    key_ids = _placeholders(count)
    return _select(APIKey.objects.filter(key_id__in=key_ids), KeySecret.objects.filter(key__key_id__in=key_ids))


@lru_cache(maxsize=128)
def _compiled_with(keys: int, digests: int) -> tuple[Statement, Statement]:
    """Return the statements that read keys by their IDs and digests, which are the last parameters."""
    of_keys = KeySecret.objects.filter(key__key_id__in=_placeholders(keys))
    return _select_matching(of_keys.filter(digest__in=[name.encode() for name in _placeholders(digests)]))


@lru_cache(maxsize=128)
def _compiled_by_token(digests: int) -> tuple[Statement, Statement]:
    """Return the statements that read keys by digests of imported tokens, which are the last parameters."""
    tokens = KeySecret.objects.filter(source__isnull=False)
    return _select_matching(tokens.filter(digest__in=[name.encode() for name in _placeholders(digests)]))


def _select_matching(secrets: QuerySet[KeySecret]) -> tuple[Statement, Statement]:
    matching = secrets.order_by().values("key")
    return _select(APIKey.objects.filter(pk__in=matching), KeySecret.objects.filter(key__in=matching))


def _select(keys: QuerySet[APIKey], secrets: QuerySet[KeySecret]) -> tuple[Statement, Statement]:
    """Return the statements that read `keys` and all secrets of theirs.

    Compiling them takes longer than running them.
    """
    # The head of the log is read by the same statement as the keys, hence in the same snapshot. The keys are read
    # before their secrets. Secrets that belong to a later epoch than the key are harmless: the bucket store returns the
    # newer epoch with the next request, and the change feed drops the record.
    return select_statement(keys.annotate(as_of=_HEAD).order_by()), select_statement(secrets)


def _placeholders(count: int) -> list[str]:
    # All different, because Django leaves out repeated ones.
    return [str(number) for number in range(count)]


def _parameter(digest: bytes) -> object:
    return KeySecret._meta.get_field("digest").get_db_prep_value(digest, connection)


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
