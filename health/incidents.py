"""Incidents: a violation of a guard rail is opened, reported and closed once, however many processes see it.

A process that evaluates a guard rail holds the event log while it counts. Every change of state appends an event,
so nothing changes between the count and the verdict, and two processes that evaluate at the same time do so one
after the other: openings and closings alternate by construction. The partial unique index on open incidents is a
second safeguard.
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
    """Evaluate each of `rails`. A guard rail about which nothing is new is only read, and holds up no change."""
    opened = {incident.guard_rail: incident for incident in incidents_open()}
    waived = set(Waiver.objects.in_force(now).filter(key_id="").values_list("guard_rail", flat=True))
    for rail in rails:
        with left_to_the_sweep(guard_rails=[rail.name]):
            incident = opened.get(rail.name)
            known = None if incident is None else Finding(incident.count, incident.detail)
            # This comparison takes no lock. Only if something seems new, evaluate again while the log is held.
            if known != (None if rail.name in waived else _found(rail, now)):
                with transaction.atomic():
                    event_log.observe(Judgment({rail: frozenset()}, now, request_id))


@contextmanager
def left_to_the_sweep(**fields: object) -> Iterator[None]:
    """Undo and log what goes wrong in the block, without harm to the transaction around it, if there is one.

    Raises the error if that transaction can't be kept, for example because the connection is lost.
    """
    within = transaction.get_connection().in_atomic_block
    try:
        with transaction.atomic() if within else nullcontext():
            yield
    except Exception as error:
        if isinstance(error, (OperationalError, InterfaceError)) and not within:
            # Without a database there is nothing to evaluate.
            raise
        log.exception("guard_rails_not_judged", **fields)
        # Otherwise the transaction would be rolled back silently, and its change reported as made.
        if within and transaction.get_rollback():
            raise


def open_incidents() -> list[Incident]:
    """Return the open incidents, the oldest first."""
    # The database may have incidents of guard rails that this version doesn't have.
    return [incident for incident in incidents_open() if incident.guard_rail in BY_NAME]


def degraded() -> list[str]:
    """Return the names of the guard rails whose violation degrades health, sorted."""
    return degraded_by(open_incidents())


def breach(rail: GuardRail, now: datetime) -> Finding | None:
    """Return what violates the guard rail at `now`, or None if nothing does or it's waived for all keys."""
    waived = Waiver.objects.in_force(now).filter(guard_rail=rail.name, key_id="").exists()
    return None if waived else rail.find(now)


def _found(rail: GuardRail, now: datetime) -> Finding | None:
    if not isinstance(rail, ListedGuardRail):
        return rail.find(now)
    (rows,) = run([read_listed(rail, now)])
    return rail.finding([name for (name,) in rows])
