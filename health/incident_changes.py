"""Changes of incidents: they are opened, kept and closed, with the events that report it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from events.batched_sql import insert_statement, update_statement
from events.draft import Draft, Entry
from events.models import Event
from events.origin import Origin
from events.types import EventType
from health.guard_rails import BY_NAME, Finding, GuardRail, Severity
from health.models import Incident


class IncidentWriter:
    """Writer of incidents: adds to `draft` what becomes of the open `incidents`.

    Nothing else can change these meanwhile.
    """

    def __init__(self, draft: Draft, incidents: Iterable[Incident], now: datetime, request_id: str) -> None:
        self._draft = draft
        self._open_incidents = {incident.guard_rail: incident for incident in incidents}
        self._now = now
        self._origin = Origin.of_system(request_id)

    def apply(self, rail: GuardRail, finding: Finding | None) -> None:
        """Open, keep or close the guard rail's incident, as `finding` says."""
        incident = self._open_incidents.get(rail.name)
        # A later occurrence, such as a second restore, is another incident.
        if finding is not None and incident is not None and finding.at is not None and finding.at > incident.opened_at:
            self._close_incident(rail, incident)
            incident = None
        if finding is not None and incident is None:
            self._open_incident(rail, finding)
        elif finding is None and incident is not None:
            self._close_incident(rail, incident)
        elif finding is not None and incident is not None and finding != Finding(incident.count, incident.detail):
            self._update_incident(incident, count=finding.count, detail=finding.detail)

    def _open_incident(self, rail: GuardRail, finding: Finding) -> None:
        incident = Incident(
            guard_rail=rail.name,
            severity=rail.severity,
            count=finding.count,
            detail=finding.detail,
            opened_at=self._now,
        )
        self._open_incidents[rail.name] = incident
        event = self._report(rail, "degraded", finding.detail)
        incident.opened_by = event.id if event else None
        self._draft.extra_statements.append(insert_statement([incident]))

    def _close_incident(self, rail: GuardRail, incident: Incident) -> None:
        del self._open_incidents[rail.name]
        event = self._report(rail, "ok", f"Resolved: {incident.detail}")
        # A change that waited for the lock has an earlier time than an incident that was opened meanwhile.
        self._update_incident(
            incident, closed_at=max(self._now, incident.opened_at), closed_by=event.id if event else None
        )

    def _update_incident(self, incident: Incident, **values: Any) -> None:
        self._draft.extra_statements.append(update_statement(Incident.objects.filter(pk=incident.pk), **values))

    def _report(self, rail: GuardRail, status: str, detail: str) -> Event | None:
        # A notice doesn't change health, so no event reports it.
        if not rail.severity.degrades:
            return None
        data: dict[str, object] = {
            "component": rail.name,
            "status": status,
            "degraded": degraded_by(self._open_incidents.values()),
            "detail": detail,
            "remediation": rail.remediation if status == "degraded" else "",
        }
        return self._draft.add(Entry(EventType.HEALTH_CHANGED, "", data), self._origin, self._now)


def degraded_by(incidents: Iterable[Incident]) -> list[str]:
    """Return the names of the guard rails whose open `incidents` degrade health, sorted."""
    known = [incident for incident in incidents if incident.guard_rail in BY_NAME]
    return sorted(incident.guard_rail for incident in known if Severity(incident.severity).degrades)
