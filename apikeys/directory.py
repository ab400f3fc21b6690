"""The key directory: what a request needs of a key, read from the database once and kept in the process for a while."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from threading import Lock
from time import monotonic
from typing import Final

from django.db import DatabaseError
from prometheus_client import Counter

from apikeys.models import APIKey, KeySecret
from latchkey import metric_names
from latchkey.auth_context import AuthContext
from ratelimit.limit import Limit
from ratelimit.pending import Counts

TTL_SECONDS: Final = 5.0
CAPACITY: Final = 50_000

LOOKUPS: Final = Counter(metric_names.KEY_DIRECTORY_LOOKUPS, "Looks at the key directory, by outcome.", ["outcome"])
HITS: Final = LOOKUPS.labels("hit")
_LOADED = LOOKUPS.labels("loaded")
_UNKNOWN = LOOKUPS.labels("unknown")
_FAILED = LOOKUPS.labels("failed")


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


class KeyDirectory:
    """A bounded LRU of key records, by key id.

    A record is trusted for TTL_SECONDS at most: that bounds what a process can miss if the publication of an epoch
    fails. `clock` is monotonic, in seconds. Threads share one directory.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._lock = Lock()
        self._records: OrderedDict[str, tuple[float, KeyRecord]] = OrderedDict()

    def cached(self, key_id: str, hits: Counts | None = HITS) -> KeyRecord | None:
        """The key's record, where one is in memory that is young enough; `hits`, if any, is told so.

        Unknown ids are not remembered: a flood of invented ids evicts nothing.
        """
        with self._lock:
            entry = self._records.get(key_id)
            if entry is not None and self._clock() - entry[0] < TTL_SECONDS:
                self._records.move_to_end(key_id)
                if hits is not None:
                    hits.inc()
                return entry[1]
        return None

    def has_known(self, key_id: str) -> bool:
        """Whether a record of the key is in memory, be it too old."""
        return key_id in self._records

    def load(self, key_id: str, epoch: int = 0) -> KeyRecord | None:
        """The key's record, read from the database now.

        `epoch` is the newest that the caller has heard of. The record carries it where the database's own is older, as
        after a backup was restored: what the database says is the truth all the same, and asking again is no use.
        """
        read_at = self._clock()
        try:
            record = _read(key_id)
        except DatabaseError:
            _FAILED.inc()
            raise
        with self._lock:
            if record is None:
                self._records.pop(key_id, None)
                _UNKNOWN.inc()
                return None
            record = replace(record, epoch=max(record.epoch, epoch))
            self._records[key_id] = (read_at, record)
            self._records.move_to_end(key_id)
            if len(self._records) > self._capacity:
                self._records.popitem(last=False)
        _LOADED.inc()
        return record

    def clear(self) -> None:
        """Forgets all records."""
        with self._lock:
            self._records.clear()


def _read(key_id: str) -> KeyRecord | None:
    """Two queries, for a key that exists and for one that does not: an answer's time is not to tell them apart.

    The key is read before its secrets. Secrets of a later epoch under an earlier one are found out by the bucket store.
    """
    key = APIKey.objects.filter(key_id=key_id).first()
    secrets = list(KeySecret.objects.filter(key__key_id=key_id))
    if key is None:
        return None
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


@cache
def default_directory() -> KeyDirectory:
    """The process's directory."""
    return KeyDirectory()
