"""The list of keys: a page at a time by cursor, so that it costs the same with a million of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from apikeys.models import APIKey, UsageStep
from apikeys.pages import MAX_QUERY, decode_cursor, encode_cursor
from apikeys.search import matching
from apikeys.usage_series import of_each
from console.charts import sparkline
from console.keys.bulk import ACTIONS
from console.keys.filters import FILTERS
from console.keys.views import KeysAdmin, render
from console.words import ago_words, limit_words
from latchkey.problems import FieldError

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One key as the list shows it."""

    key: APIKey
    state: str
    limit: str
    last_used: str
    use: str


def key_list(request: HttpRequest, model_admin: KeysAdmin, now: datetime) -> HttpResponse:
    """The keys that `q` and `filter` ask for, newest first, from `cursor` on."""
    query, chosen = request.GET.get("q", "").replace("\x00", "")[:MAX_QUERY], request.GET.get("filter", "")
    keys = APIKey.objects.all()
    if chosen in FILTERS:
        keys = FILTERS[chosen](keys, now)
    if query.strip():
        keys = matching(keys, query)
    before = decode_cursor(request.GET["cursor"], faults := list[FieldError]()) if request.GET.get("cursor") else None
    if before is not None and not faults:
        keys = keys.filter(pk__lt=before)
    found = list(keys.order_by("-pk")[: PAGE + 1])
    shown = found[:PAGE]
    context: dict[str, Any] = {
        "title": "Keys",
        "rows": _rows(shown, now),
        "query": query,
        "chosen": chosen,
        "filters": list(FILTERS),
        "actions": ACTIONS,
        "next": encode_cursor(shown[-1].pk) if len(found) > PAGE else None,
        "beginning": before is None,
        "may_issue": model_admin.has_add_permission(request),
        "may_change": model_admin.has_change_permission(request),
    }
    return render(request, model_admin, "console/keys/list.html", context)


def _rows(keys: list[APIKey], now: datetime) -> list[Row]:
    use = of_each(keys, UsageStep.HOUR, 24, now)
    return [
        Row(key, key.state(now).value, limit_words(key.limit), ago_words(key.last_used_at, now), sparkline(use[key.pk]))
        for key in keys
    ]
