"""What is to be delivered next: which endpoints are due, and the message for each."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min, Q, QuerySet

from events.log import as_json
from events.models import ChainHead, Event
from events.webhooks.backoff import LONGEST
from events.webhooks.delivery import Message
from events.webhooks.models import WebhookEndpoint
from events.webhooks.secret import signing_keys
from events.webhooks.signature import signature_fields
from latchkey.peppers import Peppers
from latchkey.timestamps import rfc3339

TEST_TYPE: Final = "WebhookTest"
TEST_PAUSE: Final = timedelta(seconds=10)
MAX_PENDING: Final = 1000


@dataclass(frozen=True, slots=True)
class Assignment:
    """One delivery to make: of an event, or of a test where there is none."""

    endpoint: WebhookEndpoint
    event: Event | None

    def message(self, peppers: Peppers, now: datetime) -> Message:
        """The signed message. Its id is the event's, so that a receiver can tell a repeat. Raises PepperMissing."""
        message_id = f"evt_{self.event.id}" if self.event else f"test_{secrets.token_hex(8)}"
        shown = as_json(self.event) if self.event else _test_event(self.endpoint, now)
        body = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
        return Message(signature_fields(message_id, now, body, signing_keys(self.endpoint, peppers, now)), body)


def due_endpoints(now: datetime) -> list[int]:
    """The primary keys of endpoints that have something to be sent and need not wait.

    A test is due at once, also to an endpoint that is disabled or waits after failures: it is there to find out. But
    TEST_PAUSE lies between two, so that tests leave room for events.
    """
    behind = Q(enabled=True, delivered_through__lt=_last_event_id()) & _waits_no_more(now)
    return list(WebhookEndpoint.objects.filter(behind | _test_is_due(now)).values_list("pk", flat=True))


def next_assignment(pk: int, now: datetime) -> Assignment | None:
    """What to send to this endpoint now; None where it has all, waits, is disabled or was removed."""
    found = WebhookEndpoint.objects.filter(pk=pk)
    if tested := found.filter(_test_is_due(now)).first():
        return Assignment(tested, None)
    endpoint = found.filter(_waits_no_more(now), enabled=True).first()
    if endpoint is None:
        return None
    last = _last_event_id()  # read ahead of the events, as the log may go on meanwhile
    event = undelivered(endpoint).order_by("id").first()
    if not _skip(endpoint, event.id - 1 if event else last):
        return None
    return Assignment(endpoint, event) if event else None


def undelivered(endpoint: WebhookEndpoint) -> QuerySet[Event]:
    """The events that are still to be delivered. Ids that are no longer in the log are passed over."""
    events = Event.objects.filter(id__gt=endpoint.delivered_through)
    return events.filter(type__in=endpoint.event_types) if endpoint.event_types else events


def pending(endpoint: WebhookEndpoint) -> int:
    """How many events are still to be delivered, counted up to MAX_PENDING; without a filter, how far the head is."""
    if not endpoint.event_types:
        return min(MAX_PENDING, max(0, _last_event_id() - endpoint.delivered_through))
    return undelivered(endpoint).order_by()[:MAX_PENDING].count()


def first_undelivered() -> int | None:
    """The id of the first event that an enabled endpoint may still have to get; None where there is no endpoint."""
    cursor = WebhookEndpoint.objects.filter(enabled=True).aggregate(least=Min("delivered_through"))["least"]
    return None if cursor is None else int(cursor) + 1


def _waits_no_more(now: datetime) -> Q:
    """A time that lies further ahead than any pause is of a clock that was put back since."""
    put_back = Q(next_attempt_at__gt=now + LONGEST)
    return Q(next_attempt_at=None) | Q(next_attempt_at__lte=now) | put_back


def _test_is_due(now: datetime) -> Q:
    rested = Q(tested_at=None) | Q(tested_at__lte=now - TEST_PAUSE) | Q(tested_at__gt=now)  # or the clock was put back
    return Q(test_requested_at__isnull=False) & rested


def _last_event_id() -> int:
    head = ChainHead.objects.filter(id=1).first()
    return head.last_id if head else 0


def _skip(endpoint: WebhookEndpoint, through: int) -> bool:
    """Moves the cursor over events that the filter leaves out; False where somebody else has moved it meanwhile."""
    if through <= endpoint.delivered_through:
        return True
    unmoved = WebhookEndpoint.objects.filter(pk=endpoint.pk, delivered_through=endpoint.delivered_through)
    endpoint.delivered_through = through
    return bool(unmoved.update(delivered_through=through))


def _test_event(endpoint: WebhookEndpoint, now: datetime) -> dict[str, object]:
    """The members of an event, of which the log knows nothing."""
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
