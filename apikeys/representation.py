"""JSON representation of a key, the same for REST, commands and events."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from apikeys.config_service import IssuedKey
from apikeys.models import APIKey, KeySecret
from latchkey.credentials import SECRET_FIELDS
from latchkey.timestamps import from_ns, rfc3339
from ratelimit.bucket import Record
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError


def key_json(key: APIKey, now: datetime, limiter: Limiter) -> dict[str, object]:
    """Return the key as JSON, with those of its secrets that have not ended.

    The time of the last use includes uses that are in the bucket store but not in the database yet.
    """
    record = live_record(key, limiter)
    live = from_ns(record.used_ns) if record.used_ns else None
    return {
        "key_id": key.key_id,
        "label": key.label,
        "owner": key.owner,
        "scopes": key.scopes,
        "rate_limit": key.rate_limit,
        "plan": key.plan_name,
        "enabled": key.enabled,
        "state": key.state(now).value,
        "created_at": rfc3339(key.created_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
        "last_used_at": _time(_later(key.last_used_at, live)),
        "metadata": key.metadata,
        "secrets": [secret_json(secret, record) for secret in working_secrets(key, now)],
    }


def issued_json(issued: IssuedKey, now: datetime, limiter: Limiter) -> dict[str, object]:
    """Return a key as JSON with its new secret, which is shown only once."""
    return {**key_json(issued.key, now, limiter), **new_secret_json(issued)}


def new_secret_json(issued: IssuedKey) -> dict[str, object]:
    """Return the new secret, alone and in both forms of a credential: SECRET_FIELDS, which are shown only once."""
    credential = issued.credential
    shown = (credential.secret, credential.reveal(), credential.reveal_as_one_token())
    return dict(zip(SECRET_FIELDS, shown, strict=True))


def receipt_json(shown: Mapping[str, object], written: Iterable[str]) -> dict[str, object]:
    """Return the part of `shown`, a key or webhook as JSON, for a caller that may change but not read it.

    It contains the ID and the fields that the request itself wrote.
    """
    # Anything more would bypass the scope that GET needs.
    kept = {"key_id", "id", *written}
    return {name: value for name, value in shown.items() if name in kept}


def secret_json(secret: KeySecret, record: Record) -> dict[str, object]:
    """Return a secret as JSON, without its digest."""
    return {
        "id": secret.pk,
        "state": secret.state,
        "created_at": rfc3339(secret.created_at),
        "expires_at": _time(secret.expires_at),
        "first_used_at": _time(secret.first_used_at or secret.last_used(record)),
        "last_used_at": _time(secret.last_used(record)),
    }


def working_secrets(key: APIKey, now: datetime) -> list[KeySecret]:
    """Return those of the key's secrets that have not ended at `now`."""
    return [secret for secret in key.secrets.all() if secret.expires_at is None or secret.expires_at > now]


def live_record(key: APIKey, limiter: Limiter) -> Record:
    """Return the bucket store's record of the key; an empty one if the store is down."""
    try:
        return limiter.store.peek(key.key_id.encode())
    except BucketStoreError:
        # Show what the database has. The request itself reports that the store is down.
        return Record()


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)
