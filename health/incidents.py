"""Incidents: a guard rail's breach is opened once, told once, and closed once, however many processes see it.

Whoever judges a guard rail holds the event log while it counts. As each change of state appends an event, nothing
changes between the count and the verdict, and two that judge at once come one after the other: openings and closings
alternate by construction. The partial unique index on open incidents is the belt to these braces.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, transaction

from events import log as event_log
from health.guard_rails import BY_NAME, Finding, GuardRail
from health.judgment import Judgment
from health.models import Incident, Waiver
from health.reads import incidents_open
from health.verdicts import degraded_by

log = structlog.get_logger(__name__)


def sweep(rails: Iterable[GuardRail], *, now: datetime, request_id: str = "") -> None:
    """Judges each of `rails`; those about which nothing is new are only looked at, and hold nobody up."""
    for rail in rails:
        with left_to_the_sweep(guard_rails=[rail.name]):
            finding, incident = _state(rail, now)
            known = None if incident is None else Finding(incident.count, incident.detail)
            if finding != known:
                with transaction.atomic():
                    event_log.observe(Judgment({rail: frozenset()}, now, request_id))


@contextmanager
def left_to_the_sweep(**fields: object) -> Iterator[None]:
    """What goes wrong within is undone and logged, and does no harm to the transaction around it, if there is one.

    Where that cannot be kept any more, as when the connection is lost, it has to fail: it would be rolled back in
    silence, and its change be reported as made.
    """
    within = transaction.get_connection().in_atomic_block
    try:
        with transaction.atomic() if within else nullcontext():
            yield
    except Exception as error:
        if isinstance(error, (OperationalError, InterfaceError)) and not within:
            raise  # there is no database to judge by
        log.exception("guard_rails_not_judged", **fields)
        if within and transaction.get_rollback():
            raise


def open_incidents() -> list[Incident]:
    """What is in breach, the longest first."""
    return [incident for incident in incidents_open() if incident.guard_rail in BY_NAME]


def degraded() -> list[str]:
    """Return the names of the guard rails by whose breach health is degraded, sorted."""
    return degraded_by(open_incidents())


def breach(rail: GuardRail, now: datetime) -> Finding | None:
    """What is in breach at `now`, unless the guard rail is waived for all."""
    waived = Waiver.objects.in_force(now).filter(guard_rail=rail.name, key_id="").exists()
    return None if waived else rail.find(now)


def _state(rail: GuardRail, now: datetime) -> tuple[Finding | None, Incident | None]:
    return breach(rail, now), Incident.objects.filter(guard_rail=rail.name, closed_at__isnull=True).first()
