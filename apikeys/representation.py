"""A key as JSON: the one shape that REST, commands and events show."""

from datetime import datetime

from apikeys.config_service import IssuedKey
from apikeys.models import APIKey, KeySecret
from latchkey.timestamps import from_ns, rfc3339
from ratelimit.bucket import Record
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError


def key_json(key: APIKey, now: datetime, limiter: Limiter) -> dict[str, object]:
    """The key with its living secrets; uses that are not yet written to the database are read from the store."""
    record = _live_record(key, limiter)
    live = from_ns(record.used_ns) if record.used_ns else None
    return {
        "key_id": key.key_id,
        "label": key.label,
        "owner": key.owner,
        "scopes": key.scopes,
        "rate_limit": key.rate_limit,
        "enabled": key.enabled,
        "state": key.state(now).value,
        "created_at": rfc3339(key.created_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
        "last_used_at": _time(_later(key.last_used_at, live)),
        "metadata": key.metadata,
        "secrets": [
            secret_json(secret, record)
            for secret in key.secrets.all()
            if secret.expires_at is None or secret.expires_at > now
        ],
    }


def issued_json(issued: IssuedKey, now: datetime, limiter: Limiter) -> dict[str, object]:
    """A key with its new secret, this once."""
    credential = issued.credential
    return {
        **key_json(issued.key, now, limiter),
        "secret": credential.secret,
        "credential": credential.reveal(),
    }


def secret_json(secret: KeySecret, record: Record) -> dict[str, object]:
    """A secret without its digest."""
    return {
        "id": secret.pk,
        "state": secret.state,
        "created_at": rfc3339(secret.created_at),
        "expires_at": _time(secret.expires_at),
        "last_used_at": _time(_later(secret.last_used_at, secret.last_use_in(record))),
    }


def _live_record(key: APIKey, limiter: Limiter) -> Record:
    try:
        return limiter.store.peek(key.key_id.encode())
    except BucketStoreError:
        return Record()  # what the database knows is shown; the request itself says that the store is down


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)
