"""Helpers of the pages of plans."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from apikeys.models import APIKey, Owner, Plan

if TYPE_CHECKING:
    PlanModelAdmin = ModelAdmin[Plan]
else:
    PlanModelAdmin = ModelAdmin


def plan_url(plan: Plan) -> str:
    """Return the URL of the plan's page."""
    return reverse("admin:apikeys_plan_change", args=[plan.name])


def users_of(plan: Plan) -> dict[str, int]:
    """Return how many keys and owners have the plan; keys that are revoked count too."""
    return {
        "key_count": APIKey.objects.filter(plan=plan).count(),
        "owner_count": Owner.objects.filter(plan=plan).count(),
    }


def require_view(request: HttpRequest, model_admin: PlanModelAdmin) -> None:
    """Raise PermissionDenied without the view permission."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied


def render(
    request: HttpRequest, model_admin: PlanModelAdmin, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Return a page about plans in the layout of the admin."""
    whole = {**model_admin.admin_site.each_context(request), "opts": Plan._meta, **context}
    return TemplateResponse(request, f"console/plans/{name}.html", whole, status=status)
