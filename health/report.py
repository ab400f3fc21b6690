"""The state of health: of the database, the bucket store, and the limits."""

import os
import time
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Q

from apikeys.models import APIKey
from health.measurements import own_totals
from latchkey import __version__, metric_names
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError

_STARTED: Final = float(os.environ.get("LATCHKEY_STARTED_AT", time.time()))
_PROBE: Final = b"lk_health"


def database_answers() -> bool:
    """Whether the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def bucket_store_answers() -> bool:
    """Whether the bucket store answers."""
    try:
        default_limiter().store.peek(_PROBE)
    except BucketStoreError:
        return False
    return True


def degraded_components() -> list[str]:
    """The names of the components that are not well."""
    return [] if bucket_store_answers() else ["bucket_store"]


def full_report() -> dict[str, object]:
    """The body of /health/full. Needs the database."""
    degraded = degraded_components()
    totals = own_totals()
    return {
        "status": "degraded" if degraded else "ok",
        "version": __version__,
        "revision": os.environ.get("LATCHKEY_REVISION", "unknown"),
        "uptime_seconds": int(time.time() - _STARTED),
        "degraded": degraded,
        "components": {
            "database": {"status": "ok", "vendor": connection.vendor},
            "bucket_store": {"status": "degraded" if "bucket_store" in degraded else "ok"},
        },
        "rate_limit": _rate_limit(totals),
        "metrics": totals,
    }


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
