"""What a request needs of a key, and how it is read from the database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apikeys.models import APIKey, KeySecret
from latchkey.auth_context import AuthContext
from ratelimit.limit import Limit


@dataclass(frozen=True, slots=True, repr=False)
class SecretRecord:
    """One secret that works: its digest, under which pepper, its slot, and its end (seconds of the epoch, or None)."""

    digest: bytes
    pepper_id: str
    slot: int
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it was in the database when `epoch` was its epoch. `expires_at` is in seconds of the epoch."""

    auth: AuthContext
    limit: Limit | None
    enabled: bool
    revoked: bool
    expires_at: float | None
    metadata: dict[str, object]
    secrets: tuple[SecretRecord, ...]
    epoch: int


def read_records(key_ids: Sequence[str]) -> dict[str, KeyRecord]:
    """The records of those keys that exist, by key id. Raises django.db.Error.

    Two queries, for keys that exist and for those that do not: an answer's time is not to tell them apart. Keys are
    read before their secrets. Secrets of a later epoch under an earlier one are found out by the bucket store.
    """
    keys = list(APIKey.objects.filter(key_id__in=key_ids).order_by())
    secrets: dict[int, list[KeySecret]] = {}
    for secret in KeySecret.objects.filter(key__key_id__in=key_ids):
        secrets.setdefault(secret.key_id, []).append(secret)
    return {key.key_id: _record(key, secrets.get(key.pk, ())) for key in keys}


def _record(key: APIKey, secrets: Iterable[KeySecret]) -> KeyRecord:
    return KeyRecord(
        auth=key.auth,
        limit=key.limit,
        enabled=key.enabled,
        revoked=key.revoked_at is not None,
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
        metadata=key.metadata,
        secrets=tuple(
            SecretRecord(
                digest=bytes(secret.digest),
                pepper_id=secret.pepper_id,
                slot=secret.slot,
                expires_at=secret.expires_at.timestamp() if secret.expires_at else None,
            )
            for secret in secrets
        ),
        epoch=key.epoch,
    )
