"""Pages that change plans: a new one, the limits of one, and its deletion."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from apikeys.models import Plan
from apikeys.policies.errors import InUse
from console.operator import policy_service_for
from console.optimistic_locking import known_states, stale_plan_message
from console.plans.forms import PlanForm
from console.plans.views import PlanModelAdmin, plan_url, render, users_of
from latchkey.preconditions import PreconditionFailed
from latchkey.problems import ProblemError
from ratelimit.periods import zone_names


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
    return _form_page(
        request, model_admin, form, {"title": "Change the limits", "plan": plan, **users_of(plan)}, status
    )


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
    return render(request, model_admin, "delete", {"title": "Delete the plan", "plan": plan, **users_of(plan)})


def _form_page(
    request: HttpRequest, model_admin: PlanModelAdmin, form: PlanForm, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    return render(
        request, model_admin, "form", {"plan_form": form, "timezones": sorted(zone_names()), **context}, status
    )
