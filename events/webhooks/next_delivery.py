"""Next deliveries: which webhook endpoints are due, and the message for each."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min, Q, QuerySet

from events.log import as_json
from events.models import ChainHead, Event, WebhookAttempt, WebhookEndpoint
from events.webhooks.backoff import MAX_DELAY
from events.webhooks.delivery import WebhookMessage
from events.webhooks.resends import next_resend, resend_is_due
from events.webhooks.secret import PREFIX, secret_text, signing_keys
from events.webhooks.signature import SIGNATURE, signature_headers
from latchkey.peppers import Peppers
from latchkey.timestamps import rfc3339

TEST_TYPE: Final = "WebhookTest"
TEST_PAUSE: Final = timedelta(seconds=10)
MAX_PENDING: Final = 1000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: of an event, or of a test if `event` is None. `resend` is the attempt of a requested resend."""

    endpoint: WebhookEndpoint
    event: Event | None
    resend: WebhookAttempt | None = None

    def message(self, peppers: Peppers, now: datetime) -> WebhookMessage:
        """Return the signed message. Raise PepperMissing."""
        # The event's ID, also in every later attempt, so that receivers can detect repetitions.
        message_id = f"evt_{self.event.id}" if self.event else f"test_{secrets.token_hex(8)}"
        body = message_body(self.endpoint, self.event, now)
        keys = signing_keys(self.endpoint, peppers, now)
        headers = signature_headers(message_id, now, body, keys)
        hidden = [secret_text(key).removeprefix(PREFIX) for key in keys]
        signatures = [signature.removeprefix("v1,") for signature in headers[SIGNATURE].split()]
        return WebhookMessage(headers, body, (*hidden, *signatures))


def message_body(endpoint: WebhookEndpoint, event: Event | None, now: datetime) -> bytes:
    """Return the body of a delivery: the event, or a test that is sent at `now`, as JSON."""
    shown = as_json(event) if event else _test_event(endpoint, now)
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()


def due_endpoints(now: datetime) -> list[int]:
    """Return the primary keys of endpoints that have something to send and need not wait."""
    # A test or a resend is due immediately, even if the endpoint is disabled or waits after failures: they exist to
    # find that out. TEST_PAUSE between two tests leaves room for events.
    behind = Q(enabled=True, delivered_through__lt=_last_event_id()) & _retry_is_due(now)
    due = behind | _test_is_due(now) | resend_is_due(now)
    return list(WebhookEndpoint.objects.filter(due).values_list("pk", flat=True))


def next_delivery(pk: int, now: datetime) -> Delivery | None:
    """Return the next delivery for this endpoint, or None if it is up to date, waiting, disabled or removed."""
    endpoints = WebhookEndpoint.objects.filter(pk=pk)
    if tested := endpoints.filter(_test_is_due(now)).first():
        return Delivery(tested, None)
    if (resending := endpoints.filter(resend_is_due(now)).first()) and (found := next_resend(resending)):
        resend, event_again = found
        return Delivery(resending, event_again, resend)
    endpoint = endpoints.filter(_retry_is_due(now), enabled=True).first()
    if endpoint is None:
        return None
    # Read this before the events: the log may grow meanwhile, and the cursor must not skip a new event.
    last = _last_event_id()
    event = undelivered(endpoint).order_by("id").first()
    if not _advance_cursor(endpoint, event.id - 1 if event else last):
        return None
    return Delivery(endpoint, event) if event else None


def undelivered(endpoint: WebhookEndpoint) -> QuerySet[Event]:
    """Return the events that are still to be delivered. IDs that were pruned from the log are skipped."""
    events = Event.objects.filter(id__gt=endpoint.delivered_through)
    return events.filter(type__in=endpoint.event_types) if endpoint.event_types else events


def count_pending(endpoint: WebhookEndpoint) -> int:
    """Return the number of undelivered events, up to MAX_PENDING."""
    # Without a filter, the distance to the head is the number of events, which saves counting them.
    if not endpoint.event_types:
        return min(MAX_PENDING, max(0, _last_event_id() - endpoint.delivered_through))
    return undelivered(endpoint).order_by()[:MAX_PENDING].count()


def first_undelivered() -> int | None:
    """Return the ID of the first event that an enabled endpoint may still need, or None without enabled endpoints."""
    cursor = WebhookEndpoint.objects.filter(enabled=True).aggregate(least=Min("delivered_through"))["least"]
    return None if cursor is None else int(cursor) + 1


def _retry_is_due(now: datetime) -> Q:
    """Return the condition for endpoints whose next attempt is due."""
    # A time further ahead than the longest pause means that the clock was set back. Don't wait for it.
    put_back = Q(next_attempt_at__gt=now + MAX_DELAY)
    return Q(next_attempt_at=None) | Q(next_attempt_at__lte=now) | put_back


def _test_is_due(now: datetime) -> Q:
    # The last condition covers a clock that was set back.
    rested = Q(tested_at=None) | Q(tested_at__lte=now - TEST_PAUSE) | Q(tested_at__gt=now)
    return Q(test_requested_at__isnull=False) & rested


def _last_event_id() -> int:
    head = ChainHead.objects.filter(id=1).first()
    return head.last_id if head else 0


def _advance_cursor(endpoint: WebhookEndpoint, through: int) -> bool:
    """Move the cursor past events that the filter leaves out. Return False if another process moved it."""
    if through <= endpoint.delivered_through:
        return True
    unmoved = WebhookEndpoint.objects.filter(pk=endpoint.pk, delivered_through=endpoint.delivered_through)
    endpoint.delivered_through = through
    return bool(unmoved.update(delivered_through=through))


def _test_event(endpoint: WebhookEndpoint, now: datetime) -> dict[str, object]:
    """Return the fields of an event for a test, which is not in the log."""
    return {
        "id": None,
        "type": TEST_TYPE,
        "at": rfc3339(now, timespec="microseconds"),
        "actor": "system",
        "request_id": None,
        "key_id": None,
        "data": {"webhook_id": endpoint.endpoint_id},
        "digest": None,
    }
