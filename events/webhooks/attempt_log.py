"""Attempt log: the latest attempts at each webhook, for people who look for what went wrong.

It never holds more than MAX_ATTEMPTS finished attempts of a webhook, however fast events or failures come, and none
that is older than KEPT_FOR.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, QuerySet

from events.event_filter import MAX_ID
from events.models import AttemptKind, AttemptOutcome, WebhookAttempt, WebhookEndpoint
from events.webhooks.attempt import Attempt
from events.webhooks.errors import DeliveryNotFound
from events.webhooks.next_delivery import TEST_TYPE, Delivery

MAX_ATTEMPTS: Final = 200
KEPT_FOR: Final = timedelta(days=30)


def log_attempt(delivery: Delivery, attempt: Attempt, next_attempt_at: datetime | None) -> None:
    """Write a finished attempt, and delete the oldest one beyond MAX_ATTEMPTS.

    It needs a transaction that has locked the endpoint's row, so that the endpoint can't be removed meanwhile.
    """
    row = delivery.resend or _new_row(delivery)
    row.number = _next_number(row)
    row.outcome = AttemptOutcome.DELIVERED if attempt.result.delivered else AttemptOutcome.FAILED
    row.at, row.duration_ms, row.next_attempt_at = attempt.started_at, attempt.duration_ms, next_attempt_at
    row.status, row.error = attempt.result.status, attempt.result.error
    row.request_headers, row.response_body = dict(attempt.headers), attempt.result.response_body
    row.save()
    _delete_surplus(row.endpoint_id)


def prune_attempts(now: datetime) -> int:
    """Delete the finished attempts that are older than KEPT_FOR. Return how many."""
    # One statement: MAX_ENDPOINTS and MAX_ATTEMPTS bound the number of rows.
    return _finished().filter(at__lte=now - KEPT_FOR).delete()[0]


def find_attempt(endpoint: WebhookEndpoint, attempt_id: int) -> WebhookAttempt:
    """Return the endpoint's attempt with this ID. Raise DeliveryNotFound."""
    found = endpoint.attempts.filter(pk=attempt_id).first() if attempt_id <= MAX_ID else None
    if found is None:
        raise DeliveryNotFound("This webhook has no delivery with this ID, or it was deleted because of its age.")
    return found


def _new_row(delivery: Delivery) -> WebhookAttempt:
    event = delivery.event
    if event is None:
        return WebhookAttempt(endpoint=delivery.endpoint, kind=AttemptKind.TEST, event_type=TEST_TYPE)
    return WebhookAttempt(endpoint=delivery.endpoint, kind=AttemptKind.EVENT, event_id=event.id, event_type=event.type)


def _next_number(row: WebhookAttempt) -> int:
    if row.event_id is None:
        return 1
    same_event = WebhookAttempt.objects.filter(endpoint_id=row.endpoint_id, event_id=row.event_id)
    return int(same_event.aggregate(last=Max("number"))["last"] or 0) + 1


def _delete_surplus(endpoint: int) -> None:
    finished = _finished().filter(endpoint_id=endpoint)
    first_surplus = finished.order_by("-id").values_list("id", flat=True)[MAX_ATTEMPTS:][:1]
    for attempt_id in first_surplus:
        finished.filter(id__lte=attempt_id).delete()


def _finished() -> QuerySet[WebhookAttempt]:
    return WebhookAttempt.objects.exclude(outcome=AttemptOutcome.PENDING)
