"""Bulk changes to keys: a preview that lists the keys, then the action, with one outcome per key."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from access.model_admin import MAX_ROWS_PER_ACTION
from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from console.keys.bulk_actions import ACTIONS, BulkAction
from console.keys.views import KeyModelAdmin, render
from console.operator import config_service_for
from console.optimistic_locking import FIELD, known_states, stale_page_message
from events.lock_timeout import record_lock_timeout
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.problems import ProblemError


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
    found = list(APIKey.objects.filter(key_id__in=selected).order_by("-pk"))
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
        _show_outcomes(request, list(_outcomes(request, chosen, form, keys)))
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


def _outcomes(request: HttpRequest, action: BulkAction, form: Any, keys: list[APIKey]) -> Iterator[str | bool]:
    """Apply the action to one key after the other; yield for each whether it was changed, or why it couldn't be.

    Stop at the first database error, for example if a lock isn't granted in time.
    """
    for number, key in enumerate(keys):
        try:
            yield _apply(config_service_for(request, _known_states(request, key)), action, form, key)
        except OperationalError as error:
            record_lock_timeout(error)
            # The next key would wait as long. With hundreds of keys, the request would take far too long.
            left = len(keys) - number
            yield f"The database can't be changed right now. {left} {'key is' if left == 1 else 'keys are'} unchanged."
            return


def _apply(service: ConfigService, action: BulkAction, form: Any, key: APIKey) -> str | bool:
    """Apply the action to one key; return whether that changed the key, or why it was rejected."""
    try:
        action.change(service, key.key_id, form)
    except ProblemError as error:
        return f"{key.key_id}: {error.detail}"
    # Each change raises the epoch.
    return not APIKey.objects.filter(pk=key.pk, epoch=key.epoch).exists()


def _show_outcomes(request: HttpRequest, outcomes: list[str | bool]) -> None:
    """Show how many keys were changed, how many already were so, and why others weren't."""
    changed, same = outcomes.count(True), outcomes.count(False)
    if changed:
        messages.success(request, f"{changed} {'key' if changed == 1 else 'keys'} changed.")
    if same:
        messages.info(request, f"{same} {'key' if same == 1 else 'keys'} already had this value.")
    for error in outcomes:
        if isinstance(error, str):
            messages.error(request, error)
