"""Pages of waivers: the list, one waiver, its end, and the form that grants one."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from access.model_admin import is_row_number
from console.form_errors import show_problem
from console.operator import operator_origin
from console.waivers.forms import PREFILLED, WaiverForm
from health.models import Waiver
from health.waivers import WaiverNotFound, Waivers
from latchkey.problems import ProblemError

if TYPE_CHECKING:
    WaiverModelAdmin = ModelAdmin[Waiver]
else:
    WaiverModelAdmin = ModelAdmin

PAGE: Final = 50
_STATES: Final = ("active", "ended")


def waiver_list(request: HttpRequest, model_admin: WaiverModelAdmin) -> HttpResponse:
    """Return the page of waivers in the state that is asked for, newest first, below the ID in `before`.

    Raise PermissionDenied without the view permission, and BadRequest for a parameter that the list doesn't have.
    """
    _require_view(request, model_admin)
    state, before = request.GET.get("state", ""), request.GET.get("before", "")
    if set(request.GET) - {"state", "before"} or state not in ("", *_STATES):
        raise BadRequest("The list of waivers doesn't have this filter.")
    now = timezone.now()
    active = Q(ended_at=None, ends_at__gt=now)
    found = Waiver.objects.order_by("-pk")
    if state:
        found = found.filter(active if state == "active" else ~active)
    if is_row_number(before):
        found = found.filter(pk__lt=int(before))
    # One more than is shown: it reveals whether there is a next page, without a count.
    listed = list(found[: PAGE + 1])
    context = {
        "title": "Waivers",
        "rows": [(waiver, _is_active(waiver, now)) for waiver in listed[:PAGE]],
        "states": _STATES,
        "state": state,
        "next": listed[PAGE - 1].pk if len(listed) > PAGE else None,
        "may_grant": model_admin.has_add_permission(request),
    }
    return _render(request, model_admin, "list", context)


def waiver_page(request: HttpRequest, model_admin: WaiverModelAdmin, waiver_id: int) -> HttpResponse:
    """Return the page of a waiver. Raise PermissionDenied without the view permission, and for a form."""
    _require_view(request, model_admin)
    if request.method not in ("GET", "HEAD"):
        raise PermissionDenied
    waiver = get_object_or_404(Waiver, pk=waiver_id)
    is_active = _is_active(waiver, timezone.now())
    may_end = is_active and model_admin.has_add_permission(request)
    context = {"title": f"Waiver {waiver.pk}", "waiver": waiver, "is_active": is_active, "may_end": may_end}
    return _render(request, model_admin, "waiver", context)


def end_waiver(request: HttpRequest, waiver_id: int, model_admin: WaiverModelAdmin) -> HttpResponse:
    """Return the confirmation; on POST, end the waiver. Raise PermissionDenied without the add permission."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    waiver = get_object_or_404(Waiver, pk=waiver_id)
    if request.method != "POST" and _is_active(waiver, timezone.now()):
        return _render(request, model_admin, "end", {"title": "End the waiver", "waiver": waiver})
    if request.method == "POST":
        try:
            Waivers(operator_origin(request)).end(waiver_id)
            messages.success(request, "The waiver has ended. The guard rail alerts again.")
            return redirect(waiver_url(waiver))
        except WaiverNotFound:
            pass
    messages.info(request, "The waiver had already ended.")
    return redirect(waiver_url(waiver))


def grant_waiver(request: HttpRequest, model_admin: WaiverModelAdmin) -> HttpResponse:
    """Return the form, perhaps with a guard rail and a key from the address; once it is submitted, grant the waiver.

    Raise PermissionDenied without the add permission.
    """
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    if request.method == "POST":
        form = WaiverForm(request.POST)
        if form.is_valid():
            try:
                waiver = Waivers(operator_origin(request)).grant(form.values())
                messages.success(request, "Waiver granted.")
                return redirect(waiver_url(waiver))
            except ProblemError as error:
                show_problem(form, error)
    else:
        form = WaiverForm(initial={name: request.GET[name] for name in PREFILLED if name in request.GET})
    return _render(request, model_admin, "grant", {"title": "Grant a waiver", "form": form})


def waiver_url(waiver: Waiver) -> str:
    """Return the URL of the waiver's page."""
    return reverse("admin:health_waiver_change", args=[waiver.pk])


def _is_active(waiver: Waiver, now: datetime) -> bool:
    return waiver.ended_at is None and waiver.ends_at > now


def _require_view(request: HttpRequest, model_admin: WaiverModelAdmin) -> None:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied


def _render(request: HttpRequest, model_admin: WaiverModelAdmin, name: str, context: dict[str, Any]) -> HttpResponse:
    whole = {**model_admin.admin_site.each_context(request), "opts": Waiver._meta, **context}
    return TemplateResponse(request, f"console/waivers/{name}.html", whole)
