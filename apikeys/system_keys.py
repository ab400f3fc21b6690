"""System keys: keys that the server issues for itself, for example for its health check."""

from datetime import datetime, timedelta
from typing import Final

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import AlreadyRevoked
from apikeys.models import APIKey, APIKeyQuerySet
from apikeys.usage.last_use import key_used_since
from apikeys.validation import SYSTEM_OWNER

RATE_LIMIT: Final = {"burst": 60, "per_seconds": 60}
REVOKED_UNUSED_AFTER: Final = timedelta(days=7)
_REVOKED_AT_ONCE: Final = 100


def replace_system_key(service: ConfigService, *, label: str, scopes: list[str]) -> IssuedKey:
    """Issue a new system key, and revoke all others with the same label."""
    # List them first: the new key has the same label.
    older = list(_living().filter(label=label).values_list("key_id", flat=True))
    issued = service.issue(
        {"label": label, "owner": SYSTEM_OWNER, "scopes": scopes, "rate_limit": RATE_LIMIT}, system=True
    )
    _revoke(service, older)
    return issued


def revoke_unused_system_keys(service: ConfigService, now: datetime) -> int:
    """Revoke the system keys that were not used for a week: their servers no longer run. Return how many."""
    since = now - REVOKED_UNUSED_AFTER
    unused = _living().filter(~key_used_since(since), created_at__lt=since)
    return _revoke(service, list(unused.values_list("key_id", flat=True)[:_REVOKED_AT_ONCE]))


def _living() -> APIKeyQuerySet:
    return APIKey.objects.filter(system=True, revoked_at__isnull=True)


def _revoke(service: ConfigService, key_ids: list[str]) -> int:
    revoked = 0
    for key_id in key_ids:
        try:
            service.revoke(key_id)
        except AlreadyRevoked:
            # Another server with this name is starting at the same moment.
            continue
        revoked += 1
    return revoked
