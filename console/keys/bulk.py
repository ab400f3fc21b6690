"""Changes to several keys at once: a page that lists them first, and then what became of each."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from console.keys.changes import LimitForm, RevokeForm
from console.keys.views import KeysAdmin, render, row_number
from console.operator import operator_service
from latchkey.problems import ProblemError

MOST: Final = 500
ACTIONS: Final = {"revoke": "Revoke for ever", "limit": "Change the limit"}
_FORMS: Final[dict[str, type[forms.Form]]] = {"revoke": RevokeForm, "limit": LimitForm}


def bulk_change(request: HttpRequest, model_admin: KeysAdmin) -> HttpResponse:
    """The preview of an action on the chosen keys; once confirmed, the action."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    action, chosen = request.POST.get("action", ""), request.POST.getlist("_selected_action")[:MOST]
    keys = list(APIKey.objects.filter(pk__in=[row_number(pk) for pk in chosen], revoked_at=None).order_by("-pk"))
    back = reverse("admin:apikeys_apikey_changelist")
    if action not in ACTIONS or not keys:
        messages.warning(request, "Choose an action, and keys that are not revoked.")
        return redirect(back)
    form = _FORMS[action](request.POST if "confirmed" in request.POST else None)
    if "confirmed" in request.POST and form.is_valid():
        _tell(request, [_act(operator_service(request), action, form, key) for key in keys])
        return redirect(back)
    context = {"title": ACTIONS[action], "action": action, "keys": keys, "form": form, "back": back}
    return render(request, model_admin, "console/keys/bulk.html", context)


def _act(service: ConfigService, action: str, form: Any, key: APIKey) -> str | None:
    """Acts on one key; returns why that was refused, if it was."""
    try:
        if action == "revoke":
            service.revoke(key.key_id)
        else:
            service.update(key.key_id, {"rate_limit": form.rate_limit()})
    except ProblemError as refusal:
        return f"{key.key_id}: {refusal.detail}"
    return None


def _tell(request: HttpRequest, refusals: list[str | None]) -> None:
    refused = [refusal for refusal in refusals if refusal is not None]
    done = len(refusals) - len(refused)
    messages.success(request, f"{done} {'key' if done == 1 else 'keys'} changed.")
    for refusal in refused:
        messages.error(request, refusal)
