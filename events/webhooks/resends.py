"""Resends: events that are to be sent again because an operator asked for it, apart from the regular deliveries."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from events.models import AttemptKind, AttemptOutcome, Event, WebhookAttempt, WebhookEndpoint
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters

MAX_PENDING_RESENDS: Final = 20
RESEND_PAUSE: Final = timedelta(seconds=2)
EVENT_GONE: Final = "event no longer in the log"


def request_resend(attempt: WebhookAttempt, now: datetime) -> tuple[WebhookAttempt, bool]:
    """Return the pending attempt that sends the event of `attempt` again, and whether it is a new one.

    It needs a transaction that has locked the endpoint's row. Raise InvalidParameters for a test, if too many resends
    are pending, and if the event is no longer in the log.
    """
    if attempt.event_id is None:
        raise _rejected("not-an-event", "This was a test. Send another test instead.")
    pending = list(_pending().filter(endpoint_id=attempt.endpoint_id))
    if same := next((resend for resend in pending if resend.event_id == attempt.event_id), None):
        return same, False
    if len(pending) >= MAX_PENDING_RESENDS:
        raise _rejected("too-many", f"{MAX_PENDING_RESENDS} resends of this webhook are pending. Try again later.")
    if not Event.objects.filter(id=attempt.event_id).exists():
        raise _rejected("event-pruned", "The event is no longer in the event log, so it can't be sent again.")
    resend = WebhookAttempt(
        endpoint_id=attempt.endpoint_id,
        kind=AttemptKind.RESEND,
        event_id=attempt.event_id,
        event_type=attempt.event_type,
        outcome=AttemptOutcome.PENDING,
        at=now,
    )
    resend.save()
    return resend, True


def resend_is_due(now: datetime) -> Q:
    """Return the condition for endpoints with a resend that need not wait."""
    # RESEND_PAUSE between two resends leaves room for events, and keeps many clicks from flooding a receiver. The last
    # condition covers a clock that was set back.
    rested = Q(resent_at=None) | Q(resent_at__lte=now - RESEND_PAUSE) | Q(resent_at__gt=now)
    return Q(Exists(_pending().filter(endpoint_id=OuterRef("pk")))) & rested


def next_resend(endpoint: WebhookEndpoint) -> tuple[WebhookAttempt, Event] | None:
    """Return the endpoint's oldest pending resend with its event, or None."""
    for resend in _pending().filter(endpoint_id=endpoint.pk).order_by("id"):
        if event := Event.objects.filter(id=resend.event_id or 0).first():
            return resend, event
        # The event was pruned after the request.
        _pending().filter(pk=resend.pk).update(outcome=AttemptOutcome.FAILED, error=EVENT_GONE)
    return None


def _pending() -> QuerySet[WebhookAttempt]:
    return WebhookAttempt.objects.filter(outcome=AttemptOutcome.PENDING)


def _rejected(code: str, detail: str) -> InvalidParameters:
    return InvalidParameters.of([FieldError("", code, detail)])
