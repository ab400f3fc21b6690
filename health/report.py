"""The state of health: what is degraded, in which components, and the limits."""

import os
import time
from contextlib import suppress
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Q
from django.utils import timezone

from apikeys.models import APIKey
from events.models import Patrol
from health.guard_rails import BY_NAME
from health.guard_rails.operation import AbsentSteward, DegradedBucketStore
from health.incidents import breach, degraded, open_incidents, sweep
from health.measurements import own_totals
from health.models import Incident
from latchkey import __version__, metric_names
from latchkey.timestamps import rfc3339

_STARTED: Final = float(os.environ.get("LATCHKEY_STARTED_AT", time.time()))
_STORE: Final = DegradedBucketStore()
_STEWARD: Final = AbsentSteward()


def database_answers() -> bool:
    """Whether the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def look_for_steward() -> None:
    """Judges whether a steward works: the one guard rail of which no steward can tell that it is breached. Without a
    database there is nothing to judge by.
    """
    with suppress(DatabaseError):
        sweep([_STEWARD], now=timezone.now())


def degraded_names() -> list[str]:
    """The guard rails by whose breach health is degraded; of the bucket store also what this process sees by itself."""
    names = set(degraded())
    if breach(_STORE, timezone.now()) is not None:
        names.add(_STORE.name)
    return sorted(names)


def full_report() -> dict[str, object]:
    """The body of /health/full. Needs the database."""
    names = degraded_names()
    totals = own_totals()
    return {
        "status": "degraded" if names else "ok",
        "version": __version__,
        "revision": os.environ.get("LATCHKEY_REVISION", "unknown"),
        "uptime_seconds": int(time.time() - _STARTED),
        "degraded": names,
        "components": {
            "database": {"status": "ok", "vendor": connection.vendor},
            "bucket_store": _component(_STORE.name, names),
            "steward": _component(_STEWARD.name, names),
            "event_log": {**_component("broken_event_log", names), "verified_at": _verified_at()},
        },
        "guard_rails": [incident_json(incident) for incident in open_incidents()],
        "rate_limit": _rate_limit(totals),
        "metrics": totals,
    }


def incident_json(incident: Incident) -> dict[str, object]:
    """An open incident as /health/full and check_guard_rails show it."""
    return {
        "name": incident.guard_rail,
        "severity": incident.severity,
        "count": incident.count,
        "since": rfc3339(incident.opened_at),
        "detail": incident.detail,
        "remediation": BY_NAME[incident.guard_rail].remediation,
    }


def _component(guard_rail: str, names: list[str]) -> dict[str, object]:
    return {"status": "degraded" if guard_rail in names else "ok"}


def _verified_at() -> str | None:
    """When the patrol last came to the end of the event log and found it whole."""
    finished: datetime | None = Patrol.objects.filter(id=1).values_list("finished_at", flat=True).first()
    return rfc3339(finished) if finished else None


def _rate_limit(totals: dict[str, float]) -> dict[str, object]:
    living = APIKey.objects.filter(revoked_at__isnull=True)
    counts = living.aggregate(keys=Count("id"), unlimited=Count("id", filter=Q(rate_limit__isnull=True)))
    return {
        "store": settings.BUCKET_STORE_URL.partition("://")[0],
        "fallback": "deny",
        "keys": counts["keys"],
        "limited": counts["keys"] - counts["unlimited"],
        "unlimited": counts["unlimited"],
        "allowed_total": int(totals[metric_names.RATE_LIMIT_ALLOWED]),
        "throttled_total": int(totals[metric_names.RATE_LIMIT_THROTTLED]),
    }
