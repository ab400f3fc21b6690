"""List of owners: by name, with their plan, their keys, and the quota of which most is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import BadRequest
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apikeys.models import APIKey, Owner
from console.limits.effective import limits_of_owners
from console.limits.near_end import NearestQuota, nearest_quotas
from console.owners.views import OwnerModelAdmin, keys_url, owner_url, render, require_view

PAGE: Final = 50
_PARAMETERS: Final = frozenset({"q", "plan", "after"})
_MAX_QUERY: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One owner as shown in the list."""

    owner: Owner
    url: str
    keys: int
    keys_url: str
    nearest: NearestQuota | None


def owner_list(request: HttpRequest, model_admin: OwnerModelAdmin) -> HttpResponse:
    """Return the page of owners that match, by name, after the name in the parameter `after`.

    Raise PermissionDenied without the view permission, and BadRequest for a parameter that the list doesn't have.
    """
    require_view(request, model_admin)
    if set(request.GET) - _PARAMETERS:
        raise BadRequest("The list of owners doesn't have this filter.")
    typed, plan, after = (request.GET.get(name, "").replace("\x00", "")[:_MAX_QUERY] for name in ("q", "plan", "after"))
    found = Owner.objects.order_by("name")
    if typed := typed.strip():
        parts = Q(name__icontains=typed) | Q(slug__icontains=typed) | Q(display_name__icontains=typed)
        found = found.filter(parts)
    if plan:
        found = found.filter(plan__name=plan)
    if after:
        found = found.filter(name__gt=after)
    # One more than is shown: it reveals whether there is a next page, without a count.
    listed = list(found[: PAGE + 1])
    filters = request.GET.copy()
    filters.pop("after", None)
    context = {
        "title": "Owners",
        "rows": _rows(listed[:PAGE], timezone.now()),
        "q": typed,
        "plan": plan,
        "filters": filters.urlencode(),
        "next": listed[PAGE - 1].name if len(listed) > PAGE else None,
        "may_add": model_admin.has_add_permission(request),
    }
    return render(request, model_admin, "list", context)


def _rows(owners: Sequence[Owner], now: datetime) -> list[Row]:
    names = [owner.name for owner in owners]
    keys = APIKey.objects.filter(owner__in=names, revoked_at=None).order_by().values_list("owner").annotate(Count("pk"))
    counts = dict(keys) if names else {}
    nearest = nearest_quotas(limits_of_owners(owners, now), now) if owners else {}
    return [
        Row(owner, owner_url(owner), counts.get(owner.name, 0), keys_url(owner.name), nearest.get(owner.pk))
        for owner in owners
    ]
