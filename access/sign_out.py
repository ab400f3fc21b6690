"""Events about the end of a session."""

from django.http import HttpRequest
from django.utils import timezone

from access.origin import user_origin
from events import log as event_log
from events.types import EventType


def append_sign_out_event(request: HttpRequest, reason: str) -> None:
    """Append the event that the session ends, within the caller's transaction. `reason` is asked, idle or age."""
    event_log.append(
        EventType.OPERATOR_SIGNED_OUT,
        origin=user_origin(request, request.user),
        at=timezone.now(),
        data={"because": reason},
    )
