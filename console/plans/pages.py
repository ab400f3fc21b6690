"""Pages of plans: the list, the page of one, its form, and its deletion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from apikeys.models import APIKey, Owner, Plan
from apikeys.policies.errors import InUse
from console.limits.effective import limits_of_keys, limits_of_owners
from console.limits.near_end import NearestQuota, nearest_quotas
from console.limits.words import amount_words, plan_words, start_words
from console.operator import policy_service_for
from console.optimistic_locking import known_states, stale_plan_message
from console.plans.forms import PlanForm
from latchkey.preconditions import PreconditionFailed
from latchkey.problems import ProblemError
from ratelimit.periods import zone_names
from ratelimit.plan_limit import Mode, Shared

if TYPE_CHECKING:
    PlanModelAdmin = ModelAdmin[Plan]
else:
    PlanModelAdmin = ModelAdmin

PAGE: Final = 50
SHOWN: Final = 10
_RANKED: Final = 200
"""Of how many users the heaviest are shown. Ranking those of a plan that everybody has would read all their rows."""


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
    _require_view(request, model_admin)
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
    return _render(request, model_admin, "list", context)


def plan_page(request: HttpRequest, model_admin: PlanModelAdmin, name: str) -> HttpResponse:
    """Return the page of a plan. Raise PermissionDenied without the view permission, and for a form."""
    _require_view(request, model_admin)
    if request.method not in ("GET", "HEAD"):
        raise PermissionDenied
    plan, now = get_object_or_404(Plan, name=name), timezone.now()
    keys = APIKey.objects.filter(plan=plan, revoked_at=None).order_by("-pk")
    owners = Owner.objects.filter(plan=plan).order_by("name")
    users = {"key_count": keys.count(), "owner_count": owners.count()}
    unused = not any(_users(plan).values())
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
    return _render(request, model_admin, "plan", {"title": plan.name, "plan": plan, **context})


def add_plan(request: HttpRequest, model_admin: PlanModelAdmin) -> HttpResponse:
    """Return the form; once it is submitted, create the plan. Raise PermissionDenied without the add permission."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = PlanForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            plan = policy_service_for(request).create_plan(form.values())
            messages.success(request, f"The plan {plan.name} was created. Now give it to an owner or a key.")
            return redirect(plan_url(plan))
        except ProblemError as error:
            form.show_problem(error)
    return _form_page(request, model_admin, form, {"title": "Add a plan"})


def edit_plan(request: HttpRequest, name: str, model_admin: PlanModelAdmin) -> HttpResponse:
    """Return the form; once it is submitted, change the limits. Raise PermissionDenied without the permission.

    If the plan was changed after the page was loaded, change nothing and return 409 with the current limits.
    """
    plan = get_object_or_404(Plan, name=name)
    if not model_admin.has_change_permission(request, plan):
        raise PermissionDenied
    status = 200
    form = PlanForm(request.POST if request.method == "POST" else None, plan.parsed_limits)
    if request.method == "POST":
        known = known_states(request)
        try:
            if plan.revision not in known:
                raise PreconditionFailed("The plan was changed.")
            if form.is_valid():
                policy_service_for(request, known).change_plan(name, form.values())
                messages.success(request, "Saved. The limits apply from the next request on.")
                return redirect(plan_url(plan))
        except PreconditionFailed:
            plan, status = Plan.objects.get(pk=plan.pk), 409
            form = PlanForm(None, plan.parsed_limits)
            messages.error(request, stale_plan_message(plan))
        except ProblemError as error:
            form.show_problem(error)
    return _form_page(request, model_admin, form, {"title": "Change the limits", "plan": plan, **_users(plan)}, status)


def delete_plan(request: HttpRequest, model_admin: PlanModelAdmin, name: str) -> HttpResponse:
    """Return the confirmation; on POST, delete the plan. Raise PermissionDenied without the delete permission."""
    plan = get_object_or_404(Plan, name=name)
    if not model_admin.has_delete_permission(request, plan):
        raise PermissionDenied
    if request.method == "POST":
        try:
            policy_service_for(request, known_states(request)).delete_plan(name)
            messages.success(request, f"The plan {name} was deleted.")
            return redirect("admin:apikeys_plan_changelist")
        except PreconditionFailed:
            messages.error(request, stale_plan_message(plan))
        except InUse as error:
            messages.error(request, error.detail)
        return redirect(plan_url(plan))
    return _render(request, model_admin, "delete", {"title": "Delete the plan", "plan": plan, **_users(plan)})


def plan_url(plan: Plan) -> str:
    """Return the URL of the plan's page."""
    return reverse("admin:apikeys_plan_change", args=[plan.name])


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


def _cells(limit: Any) -> dict[str, str]:
    """Return the cells of a limit in the table of a plan's page."""
    return {
        "name": limit.name,
        "amount": amount_words(limit),
        "shared": "all keys of an owner" if limit.shared is Shared.OWNER else "each key",
        "mode": "only counted" if limit.mode is Mode.OBSERVE else "refused",
        "starts": start_words(limit) or "-",
    }


def _users(plan: Plan) -> dict[str, int]:
    return {
        "key_count": APIKey.objects.filter(plan=plan).count(),
        "owner_count": Owner.objects.filter(plan=plan).count(),
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


def _form_page(
    request: HttpRequest, model_admin: PlanModelAdmin, form: PlanForm, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    return _render(
        request, model_admin, "form", {"plan_form": form, "timezones": sorted(zone_names()), **context}, status
    )


def _require_view(request: HttpRequest, model_admin: PlanModelAdmin) -> None:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied


def _render(
    request: HttpRequest, model_admin: PlanModelAdmin, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    whole = {**model_admin.admin_site.each_context(request), "opts": Plan._meta, **context}
    return TemplateResponse(request, f"console/plans/{name}.html", whole, status=status)
