"""Callers of one key, as JSON."""

from apikeys.models import APIKey, KeyCaller
from latchkey.timestamps import rfc3339


def callers_of(key: APIKey) -> list[KeyCaller]:
    """Return the addresses, then the services that use the key; in each kind, those with the most requests first."""
    return list(KeyCaller.objects.filter(key=key).order_by("kind", "-requests", "value"))


def callers_json(key: APIKey) -> list[dict[str, object]]:
    """Return `[{kind, value, requests, first_seen, last_seen}]` in the order of `callers_of`."""
    return [
        {
            "kind": row.kind,
            "value": row.value,
            "requests": row.requests,
            "first_seen": rfc3339(row.first_seen),
            "last_seen": rfc3339(row.last_seen),
        }
        for row in callers_of(key)
    ]
