"""Events about failed sign-ins: enough to see an attack, but far fewer than an attacker can send."""

from datetime import timedelta
from typing import Any, Final

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from access.lockout import known_name
from apikeys.request_context import address_of, request_id_of
from events import log as event_log
from events.chain import canonical
from events.models import Event
from events.origin import Origin
from events.types import EventType

PERIOD: Final = timedelta(minutes=1)
MAX_PER_PERIOD: Final = 200


@receiver(user_login_failed)
def append_failure_event(credentials: dict[str, Any], request: HttpRequest, **_kwargs: Any) -> None:
    """Append the event of a failed sign-in: a wrong name, password or code, or a name that is locked out."""
    _append_event(EventType.OPERATOR_SIGN_IN_FAILED, request, str(credentials.get("username") or ""))


@receiver(user_locked_out)
def append_lockout_event(request: Any, username: str, **_kwargs: Any) -> None:
    """Append the event of a lockout."""
    # axes sends the signal for each later attempt too. This attribute is set only for the failure that caused the
    # lockout.
    if request.axes_failures_since_start is not None:
        _append_event(EventType.OPERATOR_LOCKED_OUT, request, username)


def _append_event(type: EventType, request: HttpRequest, typed: str) -> None:
    """Append the event, at most once a PERIOD per name and address, and MAX_PER_PERIOD times in total."""
    data: dict[str, object] = {"name": known_name(typed) or "unknown", "address": address_of(request.META)}
    if _is_appended(type, data):
        return
    with transaction.atomic():
        event_log.lock_log()
        # Check again under the lock: another process may have appended the event in the meantime.
        if not _is_appended(type, data):
            origin = Origin.of_system(request_id_of(request.META))
            event_log.append(type, origin=origin, at=timezone.now(), data=data)


def _is_appended(type: EventType, data: dict[str, object]) -> bool:
    """Return whether this event, or the maximum of them, was already appended in this PERIOD."""
    since = timezone.now() - PERIOD
    latest = Event.objects.filter(type=type).order_by("-id").values_list("at", "data_json")[:MAX_PER_PERIOD]
    appended = [text for at, text in latest if at > since]
    return len(appended) == MAX_PER_PERIOD or canonical(data) in appended
