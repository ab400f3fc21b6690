"""Packing of key records into bytes, and back. Only metadata, which few keys have, is JSON."""

import json
import struct
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from apikeys.cache.records import KeyRecord, SecretRecord
from latchkey.auth_context import AuthContext
from ratelimit.limit import Limit

# When it was read, the event up to which the log was written then, the epoch, the limit, the day of issue, the flags,
# the number of secrets, and the lengths of the texts.
_HEAD: Final = struct.Struct("<dQQQdIBBHHHHH")
# The slot, the end, and the lengths of the digest and the pepper's ID.
_SECRET: Final = struct.Struct("<BdBB")
_ENABLED, _REVOKED, _EXPIRES, _LIMITED, _PLANNED, _ISSUED = (1 << bit for bit in range(6))
_NO_END: Final = float("inf")


class ReadRecord(NamedTuple):
    """A record; when it was read, by the host's monotonic clock; and the last event of the log at that time."""

    record: KeyRecord
    read_at: float
    read_up_to: int


def pack(record: KeyRecord, read_at: float) -> bytes:
    """Return the record as bytes, without its key ID. Raises ValueError if it can't be packed."""
    scopes = sorted(record.auth.scopes)
    if any(not scope or "\0" in scope for scope in scopes):
        raise ValueError("a scope is empty or holds a NUL")
    flags = (
        _ENABLED * record.enabled
        | _REVOKED * record.revoked
        | _EXPIRES * (record.expires_at is not None)
        | _LIMITED * (record.limit is not None)
        | _PLANNED * (record.plan is not None)
        | _ISSUED * (record.issued is not None)
    )
    metadata = json.dumps(record.metadata) if record.metadata else ""
    texts = [
        text.encode() for text in (record.auth.label, record.auth.owner, "\0".join(scopes), record.plan or "", metadata)
    ]
    try:
        head = _HEAD.pack(
            read_at, record.as_of, record.epoch, record.limit.code if record.limit else 0, record.expires_at or 0.0,
            record.issued.toordinal() if record.issued else 0, flags, len(record.secrets), *map(len, texts),
        )  # fmt: skip
        return b"".join([head, *texts, *map(_pack_secret, record.secrets)])
    except struct.error as error:
        raise ValueError(str(error)) from None


def unpack(key_id: str, packed: bytes, as_of: int) -> ReadRecord:
    """Return the record of the key that `pack` has packed, as of the event `as_of`.

    Raises ValueError or struct.error if it has packed something else.
    """
    read_at, read_up_to, epoch, limit, expires_at, issued, flags, secrets, *lengths = _HEAD.unpack_from(packed)
    texts, at = [], _HEAD.size
    for length in lengths:
        texts.append(packed[at : at + length])
        at += length
    label, owner, scopes, plan, metadata = texts
    found = []
    for _ in range(secrets):
        secret, at = _unpack_secret(packed, at)
        found.append(secret)
    record = KeyRecord(
        auth=AuthContext(key_id, label.decode(), owner.decode(), _scopes(scopes)),
        limit=_limit(limit) if flags & _LIMITED else None,
        enabled=bool(flags & _ENABLED),
        revoked=bool(flags & _REVOKED),
        expires_at=expires_at if flags & _EXPIRES else None,
        metadata=json.loads(metadata) if metadata else {},
        secrets=tuple(found),
        epoch=epoch,
        as_of=as_of,
        plan=plan.decode() if flags & _PLANNED else None,
        issued=date.fromordinal(issued) if flags & _ISSUED else None,
    )
    return ReadRecord(record, read_at, read_up_to)


def _pack_secret(secret: SecretRecord) -> bytes:
    end = _NO_END if secret.expires_at is None else secret.expires_at
    pepper = secret.pepper_id.encode()
    return _SECRET.pack(secret.slot, end, len(secret.digest), len(pepper)) + secret.digest + pepper


def _unpack_secret(packed: bytes, at: int) -> tuple[SecretRecord, int]:
    """Return the secret at the offset `at`, and the offset after it."""
    slot, end, digest_size, pepper_size = _SECRET.unpack_from(packed, at)
    digest = at + _SECRET.size
    pepper = digest + digest_size
    after = pepper + pepper_size
    expires_at = None if end == _NO_END else end
    return SecretRecord(packed[digest:pepper], packed[pepper:after].decode(), slot, expires_at), after


# Many keys have the same.
@lru_cache(maxsize=1024)
def _limit(code: int) -> Limit:
    return Limit.from_code(code)


@lru_cache(maxsize=1024)
def _scopes(joined: bytes) -> frozenset[str]:
    return frozenset(joined.decode().split("\0")) if joined else frozenset()
