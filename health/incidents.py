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
from events.batched_sql import run
from health.evaluation import Judgment
from health.evaluation_queries import incidents_open, read_listed
from health.guard_rails import BY_NAME, Finding, GuardRail
from health.guard_rails.base import ListedGuardRail
from health.incident_changes import degraded_by
from health.models import Incident, Waiver

log = structlog.get_logger(__name__)


def sweep(rails: Iterable[GuardRail], *, now: datetime, request_id: str = "") -> None:
    """Judge each of `rails`; those about which nothing is new are only looked at, and hold up no change."""
    opened = {incident.guard_rail: incident for incident in incidents_open()}
    waived = set(Waiver.objects.in_force(now).filter(key_id="").values_list("guard_rail", flat=True))
    for rail in rails:
        with left_to_the_sweep(guard_rails=[rail.name]):
            incident = opened.get(rail.name)
            known = None if incident is None else Finding(incident.count, incident.detail)
            if known != (None if rail.name in waived else _found(rail, now)):
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


def _found(rail: GuardRail, now: datetime) -> Finding | None:
    if not isinstance(rail, ListedGuardRail):
        return rail.find(now)
    (rows,) = run([read_listed(rail, now)])
    return rail.finding([name for (name,) in rows])
