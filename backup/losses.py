"""Losses of a restore: the changes in the current event log that the backup does not contain."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import DatabaseError

from apikeys.models import APIKey
from backup.manifest import Manifest
from events.models import ChainHead, Event, Seal
from events.types import EventType
from latchkey.timestamps import rfc3339

WORKS_AGAIN: Final = "works again"
# State of a key, webhook or operator after a restore to a time before the event.
STATE_AFTER: Final[Mapping[str, str]] = {
    EventType.KEY_REVOKED: WORKS_AGAIN,
    EventType.KEY_DISABLED: WORKS_AGAIN,
    EventType.KEY_ROTATED: "its older secrets work again, its newer one does not",
    EventType.ROTATION_FINISHED: "its older secret works again",
    EventType.KEY_ISSUED: "is unknown",
    EventType.KEY_ENABLED: "is disabled again",
    EventType.KEY_UPDATED: "has its older fields",
    EventType.RATE_LIMIT_CHANGED: "has its older limit",
    EventType.PLAN_CREATED: "the plan is unknown",
    EventType.PLAN_CHANGED: "the plan has its older limits",
    EventType.PLAN_DELETED: "the plan exists again",
    EventType.OWNER_CREATED: "the owner is unknown",
    EventType.OWNER_CHANGED: "the owner has its older fields",
    EventType.OWNER_DELETED: "the owner exists again",
    EventType.OVERRIDE_GRANTED: "the override is unknown",
    EventType.OVERRIDE_ENDED: "the override is in force again",
    EventType.LIMIT_ADJUSTED: "the adjustment is unknown to the database",
    EventType.WAIVER_GRANTED: "the waiver is unknown",
    EventType.WAIVER_ENDED: "the waiver is in force again",
    EventType.WEBHOOK_ADDED: "the webhook is unknown",
    EventType.WEBHOOK_UPDATED: "the webhook has its older settings",
    EventType.WEBHOOK_SECRET_ROTATED: "the webhook signs with its older secret",
    EventType.WEBHOOK_REMOVED: "the webhook exists again",
    EventType.WEBHOOK_DISABLED: "the webhook is enabled again",
    EventType.OPERATOR_CHANGED: "the user, group or authenticator has its older state",
}

# The field of an event's data that says what it is about, if that isn't a key.
_SUBJECTS: Final = ("webhook_id", "subject", "guard_rail", "owner", "plan")


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of a restore. `events` counts lost events by type; `changes` are those that need attention, oldest first.

    If `known` is false, the current log is a different one or can't be read, so the losses are unknown.
    """

    known: bool
    events: Mapping[str, int]
    changes: list[dict[str, Any]]


UNKNOWN_LOSSES: Final = Losses(known=False, events={}, changes=[])


def find_losses(manifest: Manifest) -> Losses:
    """Return the losses: the events after the head of the backup's event log."""
    try:
        if not log_continues(manifest.last_event, manifest.digest):
            return UNKNOWN_LOSSES
        lost = Event.objects.filter(id__gt=manifest.last_event).order_by("id")
        events = Counter(lost.values_list("type", flat=True))
        rows = list(lost.filter(type__in=STATE_AFTER).values("id", "type", "at", "key_id", "actor", "data_json"))
        # The server creates and revokes its own keys at every start, so a restore revives none that is still in use.
        system = set(APIKey.objects.filter(system=True).values_list("key_id", flat=True))
    except (DatabaseError, ValueError, TypeError):
        return UNKNOWN_LOSSES
    issued = {row["key_id"] for row in rows if row["type"] == EventType.KEY_ISSUED}
    # For a key that was issued after the backup, only the issuing matters: it is unknown afterwards.
    relevant = [row for row in rows if row["type"] == EventType.KEY_ISSUED or row["key_id"] not in issued]
    changes = [_change(row) for row in relevant if row["key_id"] not in system]
    return Losses(known=True, events=dict(sorted(events.items())), changes=changes)


def reactivated_keys(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the sorted IDs of keys that were revoked or disabled, and work again."""
    return sorted({change["about"] for change in changes if change["afterwards"] == WORKS_AGAIN})


def log_continues(last_event: int, digest: str) -> bool:
    """Return whether the current log contains that event with that digest.

    If the event was pruned, return whether a checkpoint covers it and the log continues after it.
    """
    # Every log continues an empty one.
    if last_event == 0:
        return True
    found = Event.objects.filter(id=last_event).values_list("digest", flat=True).first()
    if found is not None:
        return found == digest
    sealed = Seal.objects.filter(first_id__lte=last_event, last_id__gte=last_event).exists()
    return sealed and ChainHead.objects.filter(last_id__gte=last_event).exists()


def _change(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": row["id"],
        "type": row["type"],
        "at": rfc3339(row["at"]),
        "actor": row["actor"],
        "about": row["key_id"] or _about(json.loads(row["data_json"])),
        "afterwards": STATE_AFTER[row["type"]],
    }


def _about(data: Mapping[str, Any]) -> str | None:
    return next((str(data[name]) for name in _SUBJECTS if data.get(name)), None)
