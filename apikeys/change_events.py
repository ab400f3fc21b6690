"""What the event log is told of a change to a key."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from apikeys.models import APIKey
from events import log as event_log
from events.chain import canonical
from events.origin import Origin
from events.types import EventType
from latchkey.timestamps import rfc3339


def tell(type: EventType, key: APIKey, origin: Origin, at: datetime, data: dict[str, object]) -> None:
    """Appends one event about `key`, inside the transaction of the change."""
    event_log.append(type, origin=origin, at=at, key_id=key.key_id, data=data)


def tell_changes(
    key: APIKey, origin: Origin, at: datetime, before: Mapping[str, object], changes: Mapping[str, object]
) -> None:
    """Appends an event for each kind of change: of the limit, of being enabled, and of all other fields together."""
    if "rate_limit" in changes:
        limits = {"from": before["rate_limit"], "to": changes["rate_limit"]}
        tell(EventType.RATE_LIMIT_CHANGED, key, origin, at, limits)
    if "enabled" in changes:
        tell(EventType.KEY_ENABLED if key.enabled else EventType.KEY_DISABLED, key, origin, at, {})
    plain = {name: value for name, value in changes.items() if name not in ("rate_limit", "enabled")}
    if plain:
        was = {name: before[name] for name in plain}
        tell(EventType.KEY_UPDATED, key, origin, at, {"from": as_data(was), "to": as_data(plain)})


def tell_expired(keys: Sequence[APIKey], origin: Origin, at: datetime) -> None:
    """Appends an event for each of the keys, which time has ended."""
    entries = [
        event_log.Entry(EventType.KEY_EXPIRED, key.key_id, as_data({"expires_at": key.expires_at})) for key in keys
    ]
    event_log.append_all(entries, origin=origin, at=at)


def as_data(values: Mapping[str, object]) -> dict[str, object]:
    """`values` as JSON, times as text."""
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in values.items()}


def differ(one: object, other: object) -> bool:
    """Whether two values differ as JSON, in which 1, 1.0 and true are three things."""
    if isinstance(one, dict) and isinstance(other, dict):
        return canonical(one) != canonical(other)
    return one != other
