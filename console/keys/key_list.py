"""List of keys: paginated by cursor, so that a page costs the same with a million keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from apikeys.cursor import Cursor
from apikeys.models import APIKey, Owner, Plan, UsageStep
from apikeys.usage.last_use import last_uses
from apikeys.usage.series import usage_by_key
from console.charts import sparkline
from console.formatting import format_limit
from console.identifiers import copyable_link
from console.keys.bulk_actions import ACTIONS
from console.keys.order import NEWEST
from console.keys.query import KeyQuery
from console.keys.views import KeyModelAdmin, key_url, render
from latchkey.validation import Rejected

PAGE: Final = 50
HOURS: Final = 24
_MOST_PLANS: Final = 500
# Metadata can be long, and parsing both for 50 keys takes time.
_NOT_SHOWN: Final = ("scopes", "metadata")


@dataclass(frozen=True, slots=True)
class Row:
    """One key as shown in the list. `plan` is its own, or else its owner's. `issued` is a day in UTC."""

    key: APIKey
    url: str
    identifier: str
    state: str
    limit: str
    plan: str | None
    issued: str
    last_used_at: datetime | None
    usage: str


def key_list(request: HttpRequest, model_admin: KeyModelAdmin, now: datetime) -> HttpResponse:
    """Return the page of keys that match the query, in its order, starting at `cursor`."""
    query = KeyQuery.of(request.GET)
    keys, cursor = query.order.sort(query.keys(now)), _cursor(request.GET.get("cursor", ""), query)
    if cursor is not None:
        keys = query.order.after(keys, cursor.row)
    # One more than is shown: it reveals whether there is a next page, without a count of all matching keys.
    found = list(keys.defer(*_NOT_SHOWN)[: PAGE + 1])
    shown = found[:PAGE]
    context: dict[str, Any] = {
        "title": "Keys",
        "rows": _rows(shown, now),
        "query": query,
        "address": str(query),
        "newest": NEWEST,
        "choices": list(query.choices()),
        "columns": query.columns(),
        "actions": ACTIONS,
        "plans": list(Plan.objects.order_by("name").values_list("name", flat=True)[:_MOST_PLANS]),
        "next": Cursor.below(shown[-1].pk, query.as_dict()) if len(found) > PAGE else None,
        "beginning": cursor is None,
        "may_issue": model_admin.has_add_permission(request),
        "may_change": model_admin.has_change_permission(request),
    }
    return render(request, model_admin, "console/keys/list.html", context)


def _cursor(text: str, query: KeyQuery) -> Cursor | None:
    """Return the position to start at, or None for the first page: no cursor, a malformed one, or another list's."""
    try:
        cursor = Cursor.parse(text)
    except Rejected:
        return None
    return cursor if cursor.belongs_to(query.as_dict()) else None


def _rows(keys: list[APIKey], now: datetime) -> list[Row]:
    of_owner = _plans_of_owners({key.owner for key in keys} - {""})
    plans = {key.pk: key.plan_name or of_owner.get(key.owner) for key in keys}
    usage, used = usage_by_key(keys, UsageStep.HOUR, HOURS, now), last_uses([key.pk for key in keys])
    return [
        Row(
            key=key,
            url=(url := key_url(key)),
            identifier=copyable_link(key.key_id, url),
            state=key.state(now).value,
            limit="None of its own" if key.limit is None and plans[key.pk] else format_limit(key.limit),
            plan=plans[key.pk],
            issued=f"{key.created_at:%Y-%m-%d}",
            last_used_at=used.get(key.pk),
            usage=sparkline(usage[key.pk], title=f"Last {HOURS} hours"),
        )
        for key in keys
    ]


def _plans_of_owners(names: set[str]) -> dict[str, str | None]:
    """Return the plans of the owners that have one, by the owner's name."""
    if not names:
        return {}
    return dict(Owner.objects.filter(name__in=names, plan__isnull=False).values_list("name", "plan__name"))
