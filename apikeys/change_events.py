"""Events about a change to a key."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from apikeys.models import APIKey
from events.chain import canonical
from events.draft import Entry
from events.types import EventType
from latchkey.timestamps import rfc3339

EPOCH_EVENTS: Final = frozenset(
    (
        EventType.KEY_UPDATED,
        EventType.RATE_LIMIT_CHANGED,
        EventType.KEY_ROTATED,
        EventType.ROTATION_FINISHED,
        EventType.KEY_DISABLED,
        EventType.KEY_ENABLED,
        EventType.KEY_REVOKED,
    )
)
"""Events that raise the epoch of their key."""

POLICY_EVENTS: Final = frozenset(
    (
        EventType.PLAN_CREATED,
        EventType.PLAN_CHANGED,
        EventType.PLAN_DELETED,
        EventType.OWNER_CREATED,
        EventType.OWNER_CHANGED,
        EventType.OWNER_DELETED,
        EventType.OVERRIDE_GRANTED,
        EventType.OVERRIDE_ENDED,
    )
)
"""Events that raise the number of the policies."""


def change_entries(key: APIKey, before: Mapping[str, object], changes: Mapping[str, object]) -> list[Entry]:
    """Return an event for each kind of change: of the rate limit, of `enabled`, and of all other fields together."""
    entries = []
    if "rate_limit" in changes:
        limits = {"from": before["rate_limit"], "to": changes["rate_limit"]}
        entries.append(Entry(EventType.RATE_LIMIT_CHANGED, key.key_id, limits))
    if "enabled" in changes:
        entries.append(Entry(EventType.KEY_ENABLED if key.enabled else EventType.KEY_DISABLED, key.key_id, {}))
    plain = {name: value for name, value in changes.items() if name not in ("rate_limit", "enabled")}
    if plain:
        was = {name: before[name] for name in plain}
        data = {"from": as_json(was), "to": as_json(plain)}
        entries.append(Entry(EventType.KEY_UPDATED, key.key_id, data))
    return entries


def expiry_entries(keys: Sequence[APIKey]) -> list[Entry]:
    """Return an event for each key that has expired."""
    return [Entry(EventType.KEY_EXPIRED, key.key_id, as_json({"expires_at": key.expires_at})) for key in keys]


def as_json(values: Mapping[str, object]) -> dict[str, object]:
    """Return `values` as JSON, with times as RFC 3339 text."""
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in values.items()}


def differ_as_json(one: object, other: object) -> bool:
    """Return whether two values differ as JSON."""
    # Python considers 1, 1.0 and True equal; in JSON they are three different values.
    if isinstance(one, dict) and isinstance(other, dict):
        return canonical(one) != canonical(other)
    return one != other
