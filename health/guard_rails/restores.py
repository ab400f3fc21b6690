"""Guard rail about restores: an operator has to look at what they undid."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from events.models import Event
from events.types import EventType
from health.guard_rails.base import Finding, GuardRail, Severity, abbreviated_list
from health.models import Incident


class RestoredBackup(GuardRail):
    """A backup was restored: changes since then are undone, and keys that were revoked may work again.

    A waiver that is granted after the restore acknowledges it, even once that waiver has ended.
    """

    name = "restored_backup"
    severity = Severity.WARNING
    remedy = "Review what the restore undid, repeat what is still needed, and acknowledge it with a waiver."
    every_run = True

    def find(self, now: datetime) -> Finding | None:
        # The order of the event log decides what came after: the clock of the host that restored may be wrong.
        event = Event.objects.filter(type=EventType.BACKUP_RESTORED).order_by("-id").first()
        if event is None:
            return self._still_open()
        return None if self._acknowledged_since(event.id) else Finding(1, _detail(event), event.at)

    def _still_open(self) -> Finding | None:
        """Return the violation of the open incident, if there is one without an acknowledgment."""
        # The event of the restore may be pruned before anyone has looked.
        incident = Incident.objects.filter(guard_rail=self.name, closed_at__isnull=True).first()
        # Events are pruned from the oldest on, so each one that is left is later than the restore.
        if incident is None or self._acknowledged_since(0):
            return None
        return Finding(incident.count, incident.detail)

    def _acknowledged_since(self, event_id: int) -> bool:
        granted = Event.objects.filter(type=EventType.WAIVER_GRANTED, id__gt=event_id)
        return any(event.data["guard_rail"] == self.name for event in granted)


def _detail(event: Event) -> str:
    data = event.data
    undone = "; ".join(filter(None, [_undone(data["lost"]), *map(_earlier, data["earlier"])]))
    return (
        f"At {event.at:%Y-%m-%d %H:%M:%S} UTC, the backup {data['backup']} of {data['made_at']} was restored: {undone}."
    )


def _undone(lost: Mapping[str, Any] | None) -> str:
    if lost is None:
        return "the database was empty before"
    if not lost["known"]:
        return "what this undid is unknown"
    return f"this undid {_counts(lost)}{_again(lost['work_again'])}"


def _earlier(earlier: Mapping[str, Any]) -> str:
    return f"an earlier restore undid {_counts(earlier)}{_again(earlier['work_again'])} ({earlier['file']})"


def _counts(lost: Mapping[str, Any]) -> str:
    if lost["events"] is None:
        return "an unknown number of changes"
    return f"{_number(lost['events'], 'event')}, including {_number(lost['changes'], 'change')}"


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _again(keys: list[str]) -> str:
    return f", and revoked or disabled keys work again: {abbreviated_list(keys, len(keys) + 1)}" if keys else ""
