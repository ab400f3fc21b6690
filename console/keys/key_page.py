"""Page of one key: its fields, usage, events and actions."""

from datetime import datetime
from functools import partial
from json import dumps
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from apikeys.lookup import find_key
from apikeys.models import APIKey, Owner
from apikeys.policies.effective import SUBJECT_KEY
from apikeys.representation import working_secrets
from apikeys.rotation import rotation_in
from apikeys.usage.series import usage_of
from apikeys.usage.units.amounts import amounts_by_unit
from console.form_errors import show_problem
from console.formatting import format_limit
from console.keys.bucket_state import Look, bucket_state, look_at
from console.keys.callers import callers_context
from console.keys.edit_form import EditForm
from console.keys.views import KeyModelAdmin, key_or_404, key_url, render
from console.limits.bars import bars_of, key_bar
from console.limits.effective import limits_of_keys
from console.limits.overrides import overrides_in_force
from console.operator import config_service_for
from console.optimistic_locking import known_states, stale_page_message
from console.sentences import EventLine, event_lines
from console.usage_chart import usage_chart
from events.event_filter import of_key
from events.models import Event
from health.key_violations import violations_of
from latchkey.preconditions import PreconditionFailed, check_state
from latchkey.problems import ProblemError
from ratelimit.limiter import default_limiter

EVENTS: Final = 20


def key_page(request: HttpRequest, model_admin: KeyModelAdmin, key_id: str) -> HttpResponse:
    """Return the page; on POST, change the fields that have no separate page.

    If the key was changed after the page was loaded, save nothing and return 409 with the current values and the
    unsaved ones. Raise Http404 for an unknown key ID.
    """
    key = key_or_404(key_id)
    may_change = model_admin.has_change_permission(request, key)
    form = EditForm(request.POST or None, instance=key) if may_change and not key.system else None
    if request.method == "POST" and form is None:
        model_admin.message_user(request, "This key can't be edited. Nothing was changed.", messages.ERROR)
        return redirect(key_url(key))
    status, unsaved = 200, list[tuple[str, Any]]()
    if form is not None and request.method == "POST":
        try:
            if _save(request, key, form):
                model_admin.message_user(request, "Saved.")
                return redirect(key_url(key))
        except PreconditionFailed:
            status, unsaved = 409, form.submitted_changes()
            form = EditForm(instance=APIKey.objects.get(pk=key.pk))
            model_admin.message_user(request, stale_page_message(key), messages.ERROR)
    context = {"title": key.label, "key": key, "form": form, "may_change": may_change, "unsaved": unsaved}
    context |= _context(request, key, timezone.now())
    response = render(request, model_admin, "console/keys/key.html", context)
    response.status_code = status
    return response


def _save(request: HttpRequest, key: APIKey, form: EditForm) -> bool:
    """Save the submitted change and return True, or add the errors to the form and return False.

    Raise PreconditionFailed if the key was changed after the page was loaded.
    """
    known = known_states(request)
    # Checked before the form, because the errors of a stale form would be about values that are no longer current.
    # The service checks again in the transaction of the change.
    check_state(key.epoch, known, "The key")
    if not form.is_valid():
        return False
    try:
        config_service_for(request, known).update(key.key_id, form.changes())
    except PreconditionFailed:
        raise
    except ProblemError as error:
        show_problem(form, error)
        return False
    return True


def _context(request: HttpRequest, key: APIKey, now: datetime) -> dict[str, Any]:
    # After a form, read again: validating a ModelForm writes the submitted values into `key`.
    shown = key if request.method in ("GET", "HEAD") else find_key(key.key_id)
    look = look_at(shown, default_limiter())
    return {
        **_limits(shown, look, now),
        "now": now,
        "shown": shown,
        "state": shown.state(now).value,
        "limit": format_limit(shown.limit),
        # Pairs, because a template would take a field named "items" for the method.
        "metadata": [
            (name, value if isinstance(value, str) else dumps(value)) for name, value in shown.metadata.items()
        ],
        "secrets": [(secret, secret.last_used(look.record)) for secret in working_secrets(shown, now)],
        "rotation": rotation_in(shown, look.record, now),
        **callers_context(shown),
        **_usage(shown, request, now),
        "lines": _event_lines(shown, now) if request.user.has_perm("events.view_event") else [],
        "violations": violations_of(shown, now),
    }


def _usage(key: APIKey, request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Return the context of `console/usage.html`, with what the key's requests cost in other units in that range."""
    chart = usage_chart(request, partial(usage_of, key), now)
    # Pairs, as for the metadata.
    return {**chart, "units": [*amounts_by_unit(key.pk, chart["range"].step, chart["range"].steps, now).items()]}


def _limits(key: APIKey, look: Look, now: datetime) -> dict[str, Any]:
    """Return the context about limits: the bars of all of them, and the overrides in force."""
    bucket = bucket_state(key, look)
    if key.limit is None:
        own = None
    else:
        own = key_bar(key.limit, bucket.used, bucket.reset_seconds) if bucket else key_bar(key.limit)
    owner = Owner.objects.filter(name=key.owner).first() if key.owner else None
    limits = limits_of_keys([key], now)[key.key_id] if owner or key.plan_name else ()
    bars = bars_of(limits, default_limiter(), now)
    return {
        "own_bar": own,
        "limits": bars,
        "owner": owner,
        "can_override": any(limit.subject == SUBJECT_KEY for limit in limits),
        "overrides": overrides_in_force(now, key=key.key_id) if limits else [],
    }


def _event_lines(key: APIKey, now: datetime) -> list[EventLine]:
    events = Event.objects.filter(of_key(key.key_id, key.import_event)).order_by("-id")[:EVENTS]
    return event_lines(events, now, known={key.key_id: key.label})
