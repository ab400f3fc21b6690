"""Attempt log: the latest attempts at each webhook, for people who look for what went wrong.

It never holds more than MAX_ATTEMPTS finished attempts of a webhook, however fast events or failures come, and none
that is older than KEPT_FOR.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from events.batched_sql import delete_statement, insert_statement, run, select_statement
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
    numbers, surplus = run([select_statement(_last_number(row)), select_statement(_surplus(row))])
    row.number = next((number for (number,) in numbers), 0) + 1
    row.outcome = AttemptOutcome.DELIVERED if attempt.result.delivered else AttemptOutcome.FAILED
    row.at, row.duration_ms, row.next_attempt_at = attempt.started_at, attempt.duration_ms, next_attempt_at
    row.status, row.error = attempt.result.status, attempt.result.error
    row.request_headers, row.response_body = dict(attempt.headers), attempt.result.response_body
    ids = [attempt_id for (attempt_id,) in surplus]
    old = [delete_statement(_all_finished().filter(id__in=ids))] if ids else []
    if delivery.resend is None:
        run([insert_statement([row]), *old])
    else:
        row.save()
        run(old)


def prune_attempts(now: datetime) -> int:
    """Delete the finished attempts that are older than KEPT_FOR. Return how many."""
    # One statement: MAX_ENDPOINTS and MAX_ATTEMPTS bound the number of rows.
    return _all_finished().filter(at__lte=now - KEPT_FOR).delete()[0]


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


def _last_number(row: WebhookAttempt) -> QuerySet[WebhookAttempt, tuple[int | None]]:
    """Return the query for the highest number among the attempts of the same event; none for a test."""
    same_event = WebhookAttempt.objects.filter(endpoint_id=row.endpoint_id, event_id=row.event_id or 0)
    return same_event.exclude(number=None).order_by("-number").values_list("number")[:1]


def _surplus(row: WebhookAttempt) -> QuerySet[WebhookAttempt, tuple[int]]:
    """Return the query for the attempts that no longer fit once `row` is finished too."""
    finished = _all_finished().filter(endpoint_id=row.endpoint_id)
    # Not by ID: that of a resend is from its request, and other attempts may have been made since.
    return finished.order_by("-at", "-id").values_list("id")[MAX_ATTEMPTS - 1 :]


def _all_finished() -> QuerySet[WebhookAttempt]:
    return WebhookAttempt.objects.exclude(outcome=AttemptOutcome.PENDING)
