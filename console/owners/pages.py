"""Pages of owners: the page of one, its plan, a new one, its deletion, and that of a name without an owner."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from apikeys.models import APIKey, Owner
from apikeys.policies.errors import InUse
from apikeys.policies.lookup import limits_of_stored_owner
from console.limits.bars import bars_of
from console.limits.overrides import overrides_in_force
from console.limits.words import limit_words
from console.operator import policy_service_for
from console.optimistic_locking import known_states, stale_owner_message
from console.owners.forms import AddOwnerForm, EditOwnerForm, OwnerForm, OwnerPlanForm, owner_initial
from console.owners.views import OwnerModelAdmin, keys_url, owner_url, render, require_view
from latchkey.preconditions import PreconditionFailed
from latchkey.problems import ProblemError
from latchkey.validation import MAX_TEXT
from ratelimit.limiter import default_limiter
from ratelimit.plan_limit import Shared


def owner_page(request: HttpRequest, model_admin: OwnerModelAdmin, slug: str) -> HttpResponse:
    """Return the page of an owner; on POST, change it. Raise PermissionDenied without the permission for that."""
    require_view(request, model_admin)
    owner = get_object_or_404(Owner, slug=slug)
    may_change = model_admin.has_change_permission(request, owner)
    if request.method not in ("GET", "HEAD") and not may_change:
        raise PermissionDenied
    form, owner, status = _changed(request, owner, EditOwnerForm)
    if form is None:
        return redirect(owner_url(owner))
    context = {
        "title": str(owner),
        "owner": owner,
        "form": form,
        "may_change": may_change,
        **_context(owner, timezone.now()),
    }
    context["may_delete"] = not _all_keys(owner) and model_admin.has_delete_permission(request, owner)
    return render(request, model_admin, "owner", context, status)


def change_owner_plan(request: HttpRequest, slug: str, model_admin: OwnerModelAdmin) -> HttpResponse:
    """Return the form with the plan; on POST, change it. Raise PermissionDenied without the change permission."""
    owner = get_object_or_404(Owner, slug=slug)
    if not model_admin.has_change_permission(request, owner):
        raise PermissionDenied
    form, owner, status = _changed(request, owner, OwnerPlanForm)
    if form is None:
        return redirect(owner_url(owner))
    context = {"title": "Change the plan", "owner": owner, "form": form, **_keys(owner)}
    return render(request, model_admin, "plan", context, status)


def _changed(request: HttpRequest, owner: Owner, kind: type[OwnerForm]) -> tuple[OwnerForm | None, Owner, int]:
    """Apply a submitted form. Return the form to show, or None if it was applied, with the owner and the status.

    If the owner was changed after the page was loaded, change nothing and show its current values with status 409.
    """
    if request.method in ("GET", "HEAD"):
        return kind(initial=owner_initial(owner)), owner, 200
    form, known = kind(request.POST), known_states(request)
    try:
        if owner.revision not in known:
            raise PreconditionFailed("The owner was changed.")
        if form.is_valid():
            policy_service_for(request, known).change_owner(owner.slug, form.values())
            messages.success(request, "Saved. The limits apply from the next request on.")
            return None, owner, 200
    except PreconditionFailed:
        owner = Owner.objects.get(pk=owner.pk)
        messages.error(request, stale_owner_message(owner))
        return kind(initial=owner_initial(owner)), owner, 409
    except ProblemError as error:
        form.show_problem(error)
    return form, owner, 200


def add_owner(request: HttpRequest, model_admin: OwnerModelAdmin) -> HttpResponse:
    """Return the form, perhaps with a name from the address; once it is submitted, create the owner.

    Raise PermissionDenied without the add permission.
    """
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    named = {name: request.GET[name][:MAX_TEXT] for name in ("name", "plan") if name in request.GET}
    form = AddOwnerForm(request.POST) if request.method == "POST" else AddOwnerForm(initial=named)
    if request.method == "POST" and form.is_valid():
        try:
            owner = policy_service_for(request).create_owner(form.values())
            messages.success(request, f"The owner {owner} was added.")
            return redirect(owner_url(owner))
        except ProblemError as error:
            form.show_problem(error)
    return render(request, model_admin, "add", {"title": "Add an owner", "form": form})


def delete_owner(request: HttpRequest, model_admin: OwnerModelAdmin, slug: str) -> HttpResponse:
    """Return the confirmation; on POST, delete the owner. Raise PermissionDenied without the delete permission."""
    owner = get_object_or_404(Owner, slug=slug)
    if not model_admin.has_delete_permission(request, owner):
        raise PermissionDenied
    if request.method == "POST":
        try:
            policy_service_for(request, known_states(request)).delete_owner(slug)
            messages.success(request, f"The owner {owner} was deleted.")
            return redirect("admin:apikeys_owner_changelist")
        except PreconditionFailed:
            messages.error(request, stale_owner_message(owner))
        except InUse as error:
            messages.error(request, error.detail)
        return redirect(owner_url(owner))
    context = {"title": "Delete the owner", "owner": owner, **_keys(owner), "key_count": _all_keys(owner)}
    return render(request, model_admin, "delete", context)


def owner_by_name(request: HttpRequest, model_admin: OwnerModelAdmin) -> HttpResponse:
    """Redirect to the owner with the name in the address, or return a page that offers to add it.

    Without the view permission, redirect to the keys with this name.
    """
    name = request.GET.get("name", "").replace("\x00", "")[:MAX_TEXT]
    if not name or not model_admin.has_view_permission(request):
        return redirect(keys_url(name))
    owner = Owner.objects.filter(name=name).first()
    if owner is not None:
        return redirect(owner_url(owner))
    count = APIKey.objects.filter(owner=name, revoked_at=None).count()
    context = {"title": name, "name": name, "key_count": count, "keys_url": keys_url(name)}
    return render(request, model_admin, "unknown", {**context, "may_add": model_admin.has_add_permission(request)})


def _context(owner: Owner, now: datetime) -> dict[str, Any]:
    limits = limits_of_stored_owner(owner, now)
    plan = owner.plan.parsed_limits if owner.plan else ()
    return {
        "now": now,
        "limits": bars_of(limits, default_limiter(), now),
        "each_key": [(one.name, limit_words(one)) for one in plan if one.shared is Shared.KEY],
        "overrides": overrides_in_force(now, owner=owner),
        **_keys(owner),
    }


def _keys(owner: Owner) -> dict[str, Any]:
    """Count those that a plan can limit."""
    count = APIKey.objects.filter(owner=owner.name, revoked_at=None).count()
    return {"key_count": count, "keys_url": keys_url(owner.name)}


def _all_keys(owner: Owner) -> int:
    """Count those that keep the owner from being deleted, revoked ones among them."""
    return APIKey.objects.filter(owner=owner.name).count()
