"""Export of keys as CSV: those that the list's search and filter match, streamed page by page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from apikeys.models import APIKey, APIKeyQuerySet
from console.keys.query import KeyQuery
from console.keys.views import KeyModelAdmin
from console.streamed_file import pages, streamed_file
from latchkey.csv_text import csv_text, harmless
from latchkey.timestamps import rfc3339

_PAGE: Final = 1000
_COLUMNS: Final = (
    "key_id", "label", "owner", "state", "scopes", "burst", "per_seconds", "plan",
    "created_at", "expires_at", "last_used_at",
)  # fmt: skip


def export_keys(request: HttpRequest, model_admin: KeyModelAdmin) -> HttpResponseBase:
    """Return the keys that match the list's query, newest first. Memory doesn't grow with their number.

    Raise PermissionDenied without the view permission.
    """
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    now = timezone.now()
    keys = KeyQuery.of(request.GET).keys(now).prefetch_related("usage_marks")
    return streamed_file(request, _parts(keys, now), name="keys.csv", media_type="text/csv", now=now)


def _parts(keys: APIKeyQuerySet, now: datetime) -> Iterator[str]:
    yield csv_text([_COLUMNS])
    for page in pages(keys, _PAGE):
        yield csv_text(_row(key, now) for key in page)


def _row(key: APIKey, now: datetime) -> tuple[object, ...]:
    times = (key.created_at, key.expires_at, key.last_used_at)
    limit = (key.limit.burst, key.limit.per_seconds) if key.limit else ("", "")
    texts = (key.key_id, key.label, key.owner, key.state(now).value, " ".join(key.scopes))
    return (*map(harmless, texts), *limit, key.plan_name or "", *(rfc3339(time) if time else "" for time in times))
