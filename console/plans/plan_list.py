"""List of plans: their limits in words, and how many owners and keys have each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import BadRequest
from django.db.models import Count
from django.http import HttpRequest, HttpResponse

from apikeys.models import APIKey, Owner, Plan
from console.limits.words import plan_words
from console.plans.views import PlanModelAdmin, render, require_view

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One plan as shown in the list, with how many keys and owners have it."""

    plan: Plan
    words: str
    keys: int
    owners: int


def plan_list(request: HttpRequest, model_admin: PlanModelAdmin) -> HttpResponse:
    """Return the page of plans by name, after the name in the parameter `after`.

    Raise PermissionDenied without the view permission, and BadRequest for a parameter that the list doesn't have.
    """
    require_view(request, model_admin)
    if set(request.GET) - {"after"}:
        raise BadRequest("The list of plans has no such parameter.")
    found = Plan.objects.order_by("name")
    if after := request.GET.get("after", ""):
        found = found.filter(name__gt=after)
    # One more than is shown: it reveals whether there is a next page, without a count.
    listed = list(found[: PAGE + 1])
    context = {
        "title": "Plans",
        "rows": _rows(listed[:PAGE]),
        "next": listed[PAGE - 1].name if len(listed) > PAGE else None,
        "may_add": model_admin.has_add_permission(request),
    }
    return render(request, model_admin, "list", context)


def _rows(plans: Sequence[Plan]) -> list[Row]:
    names = [plan.name for plan in plans]
    keys: dict[str | None, int] = dict(
        APIKey.objects.filter(plan__name__in=names, revoked_at=None)
        .order_by()
        .values_list("plan__name")
        .annotate(Count("pk"))
    )
    owners: dict[str | None, int] = dict(
        Owner.objects.filter(plan__name__in=names).order_by().values_list("plan__name").annotate(Count("pk"))
    )
    return [
        Row(plan, plan_words(plan.parsed_limits), keys.get(plan.name, 0), owners.get(plan.name, 0)) for plan in plans
    ]
