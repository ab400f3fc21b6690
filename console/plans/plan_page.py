"""Page of one plan: its limits as a table, and the owners and keys that use most of a quota."""

from datetime import datetime
from typing import Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from apikeys.models import APIKey, Owner, Plan
from console.limits.effective import limits_of_keys, limits_of_owners
from console.limits.near_end import NearestQuota, nearest_quotas
from console.limits.words import amount_words, plan_words, start_words
from console.plans.views import PlanModelAdmin, render, require_view, users_of
from ratelimit.plan_limit import Mode, PlanLimit, Shared

SHOWN: Final = 10
_RANKED: Final = 200
"""Of how many users the heaviest are shown. Ranking those of a plan that everybody has would read all their rows."""


def plan_page(request: HttpRequest, model_admin: PlanModelAdmin, name: str) -> HttpResponse:
    """Return the page of a plan. Raise PermissionDenied without the view permission, and for a form."""
    require_view(request, model_admin)
    if request.method not in ("GET", "HEAD"):
        raise PermissionDenied
    plan, now = get_object_or_404(Plan, name=name), timezone.now()
    keys = APIKey.objects.filter(plan=plan, revoked_at=None).order_by("-pk")
    owners = Owner.objects.filter(plan=plan).order_by("name")
    users = {"key_count": keys.count(), "owner_count": owners.count()}
    unused = not any(users_of(plan).values())
    context = {
        "limits": [_cells(limit) for limit in plan.parsed_limits],
        "words": plan_words(plan.parsed_limits),
        "keys": _heaviest_keys(list(keys[:_RANKED]), now),
        "owners": _heaviest_owners(list(owners[:_RANKED]), now),
        **users,
        "ranked": _RANKED,
        "may_change": model_admin.has_change_permission(request, plan),
        "may_delete": unused and model_admin.has_delete_permission(request, plan),
    }
    return render(request, model_admin, "plan", {"title": plan.name, "plan": plan, **context})


def _cells(limit: PlanLimit) -> dict[str, str]:
    """Return the cells of a limit in the table of a plan's page."""
    return {
        "name": limit.name,
        "amount": amount_words(limit),
        "shared": "all keys of an owner" if limit.shared is Shared.OWNER else "each key",
        "mode": "only counted" if limit.mode is Mode.OBSERVE else "refused",
        "starts": start_words(limit) or "-",
    }


def _heaviest_keys(keys: list[APIKey], now: datetime) -> list[tuple[APIKey, NearestQuota | None]]:
    """Return the keys that used the largest part of a quota, with that quota, and then others."""
    nearest = nearest_quotas(limits_of_keys(keys, now), now) if keys else {}
    keys.sort(key=lambda key: -nearest[key.key_id].share if key.key_id in nearest else 0)
    return [(key, nearest.get(key.key_id)) for key in keys[:SHOWN]]


def _heaviest_owners(owners: list[Owner], now: datetime) -> list[tuple[Owner, NearestQuota | None]]:
    nearest = nearest_quotas(limits_of_owners(owners, now), now) if owners else {}
    owners.sort(key=lambda owner: -nearest[owner.pk].share if owner.pk in nearest else 0)
    return [(owner, nearest.get(owner.pk)) for owner in owners[:SHOWN]]
