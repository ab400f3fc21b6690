"""Callers on the page of a key: from which addresses and by which services the key is used."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

from apikeys.callers.report import callers_of
from apikeys.models import APIKey, CallerKind, KeyCaller
from console.charts import share_bar

_RECENT: Final = timedelta(days=1)
_TITLES: Final = {CallerKind.ADDRESS: "Addresses", CallerKind.SERVICE: "Services"}


def recent_callers(key: APIKey, now: datetime) -> list[KeyCaller]:
    """Return the callers that were seen within the last day, those with the most requests first in each kind."""
    return [row for row in callers_of(key) if row.last_seen > now - _RECENT]


def callers_context(key: APIKey) -> dict[str, Any]:
    """Return the context of `console/keys/callers.html`: a group for each kind of caller that the key has."""
    found = callers_of(key)
    groups = []
    for kind, title in _TITLES.items():
        rows = [row for row in found if row.kind == kind]
        total = sum(row.requests for row in rows)
        if rows:
            groups.append((title, [(row, share_bar(row.requests / max(total, 1))) for row in rows]))
    return {"caller_groups": groups, "records_callers": settings.RECORD_CALLERS}
