"""Report of health: what is degraded, in which components, and the limits."""

import os
import time
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from apikeys.cache.key_cache import default_key_cache
from apikeys.models import APIKey, UsageStep, limited_by_plans
from apikeys.usage.retention import kept_shorter, stored_rows
from events.models import Patrol
from health.guard_rails import BY_NAME
from health.incidents import open_incidents
from health.local_health import DATABASE, STEWARD, STORE, degraded_names
from health.metrics import metric_totals
from health.models import Incident
from health.node.store_probe import probe_store
from health.served_since import served_since
from latchkey import __version__, metric_names
from latchkey.timestamps import rfc3339
from ratelimit.limiter import default_limiter


def _uptime_seconds() -> int:
    since = served_since()
    return int(time.time() - since.timestamp()) if since else 0


def full_report() -> dict[str, object]:
    """Return the body of /health/full. Needs the database."""
    names = degraded_names()
    totals = metric_totals()
    return {
        "status": "degraded" if names else "ok",
        "version": __version__,
        "revision": os.environ.get("LATCHKEY_REVISION", "unknown"),
        "uptime_seconds": _uptime_seconds(),
        "degraded": names,
        "components": {
            "database": {**_component(DATABASE.name, names), "vendor": connection.vendor},
            "key_directory": {
                "status": "degraded" if default_key_cache().database_is_down else "ok",
                "stale_seconds": settings.DIRECTORY_STALE_SECONDS,
            },
            "bucket_store": _component(STORE.name, names),
            "steward": _component(STEWARD.name, names),
            "event_log": {**_component("broken_event_log", names), "verified_at": _verified_at()},
            "usage": {"status": "ok", "rows": stored_rows(), "max_rows": settings.USAGE_ROWS, **_kept_since()},
        },
        "guard_rails": [incident_json(incident) for incident in open_incidents()],
        "rate_limit": _rate_limit(totals),
        "metrics": totals,
    }


def incident_json(incident: Incident) -> dict[str, object]:
    """Return an open incident as /health/full and check_guard_rails show it."""
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
    """Return when the integrity scan last reached the end of the event log and found it complete, or None."""
    finished: datetime | None = Patrol.objects.filter(id=1).values_list("finished_at", flat=True).first()
    return rfc3339(finished) if finished else None


def _kept_since() -> dict[str, str | None]:
    """Return since when there is usage of single keys by minute and hour, if that is shorter than documented."""
    shorter = kept_shorter(timezone.now())
    return {
        f"{step.value}s_since": rfc3339(shorter[step]) if step in shorter else None
        for step in (UsageStep.MINUTE, UsageStep.HOUR)
    }


def _rate_limit(totals: dict[str, float]) -> dict[str, object]:
    living = APIKey.objects.filter(revoked_at__isnull=True)
    without_limit = Q(rate_limit__isnull=True) & ~limited_by_plans()
    counts = living.aggregate(keys=Count("id"), unlimited=Count("id", filter=without_limit))
    limiter = default_limiter()
    return {
        "store": settings.BUCKET_STORE_URL.partition("://")[0],
        "fallback": limiter.fallback or "deny",
        "on_fallback": probe_store(limiter.store) is not None,
        "keys": counts["keys"],
        "limited": counts["keys"] - counts["unlimited"],
        "unlimited": counts["unlimited"],
        "allowed_total": int(totals[metric_names.RATE_LIMIT_ALLOWED]),
        "throttled_total": int(totals[metric_names.RATE_LIMIT_THROTTLED]),
    }
