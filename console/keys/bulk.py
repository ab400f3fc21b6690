"""Bulk changes to keys: a preview that lists the keys, then the action, with one outcome per key."""

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from access.model_admin import MAX_ROWS_PER_ACTION
from apikeys.models import APIKey
from console.keys.bulk_actions import ACTIONS
from console.keys.outcomes import add_up, apply_to
from console.keys.views import KeyModelAdmin, render
from console.operator import config_service_for
from console.optimistic_locking import FIELD, known_states, stale_page_message
from latchkey.credentials import KEY_ID_PATTERN


def bulk_change(request: HttpRequest, model_admin: KeyModelAdmin) -> HttpResponse:
    """Return the preview of an action on the selected keys; once it is confirmed, apply it and redirect to the list.

    If a key was changed after the preview was made, apply nothing and show the preview again. Raise PermissionDenied
    without the change permission.
    """
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    action, selected = request.POST.get("action", ""), request.POST.getlist(ACTION_CHECKBOX_NAME)
    # The path includes the search, the filter and the page on which the keys were selected.
    back = request.get_full_path()
    if len(selected) > MAX_ROWS_PER_ACTION:
        messages.warning(request, f"At most {MAX_ROWS_PER_ACTION} keys at a time. Nothing was changed.")
        return redirect(back)
    selected = [key_id for key_id in selected if KEY_ID_PATTERN.fullmatch(key_id)]
    found = list(APIKey.objects.filter(key_id__in=selected).prefetch_related("usage_marks").order_by("-pk"))
    keys = [key for key in found if key.revoked_at is None]
    confirmed = "confirmed" in request.POST
    stale = [key for key in found if confirmed and _is_stale(request, key)]
    for key in stale:
        messages.error(request, stale_page_message(key))
    if action not in ACTIONS or not keys:
        if not stale:
            messages.warning(request, "Select an action and at least one key that is not revoked.")
        return redirect(back)
    chosen = ACTIONS[action]
    form = chosen.form(request.POST if confirmed else None)
    if stale and chosen.final:
        # The confirmation was for other states of these keys, and this can't be undone. Ask again.
        form = chosen.form()
    elif confirmed and not stale and form.is_valid():
        services = (config_service_for(request, _known_states(request, key)) for key in keys)
        outcomes = add_up(apply_to(service, chosen, form, key) for service, key in zip(services, keys, strict=True))
        outcomes.show(request, left=len(keys) - outcomes.total)
        return redirect(back)
    context = {"title": chosen.title, "action": action, "chosen": chosen, "keys": keys, "form": form, "back": back}
    return render(request, model_admin, "console/keys/bulk.html", context)


def _is_stale(request: HttpRequest, key: APIKey) -> bool:
    """Return whether the key was changed or revoked after the preview was made."""
    # The preview lists no revoked key, so a revoked one must not be ignored: it was revoked since.
    return key.revoked_at is not None or key.epoch not in _known_states(request, key)


def _known_states(request: HttpRequest, key: APIKey) -> frozenset[int]:
    """Return the state in which the preview showed this key."""
    return known_states(request, f"{FIELD}_{key.key_id}")
