"""Pages of the attempt log, newest first, and one attempt as JSON."""

from dataclasses import dataclass
from typing import Final

from events.event_filter import MAX_ID
from events.models import AttemptKind, Event, WebhookAttempt, WebhookEndpoint
from events.webhooks.attempt_log import MAX_ATTEMPTS
from events.webhooks.next_delivery import message_body
from latchkey.query import Query, number_parameter
from latchkey.timestamps import rfc3339

DEFAULT_LIMIT: Final = 50
QUERY: Final[Query] = (
    number_parameter("before", 1, MAX_ID, "Only deliveries with IDs below this: the `next` of the previous page."),
    number_parameter("limit", 1, MAX_ATTEMPTS, "Maximum number of deliveries on a page.", default=DEFAULT_LIMIT),
)


@dataclass(frozen=True, slots=True)
class AttemptPage:
    """A page of attempts, newest first. `next` is the ID to ask for more before, or None at the end."""

    attempts: list[WebhookAttempt]
    next: int | None


def attempt_page(endpoint: WebhookEndpoint, *, before: int | None = None, limit: int = DEFAULT_LIMIT) -> AttemptPage:
    """Return the endpoint's latest attempts. The arguments are the parsed parameters of QUERY."""
    attempts = endpoint.attempts.order_by("-id")
    if before is not None:
        attempts = attempts.filter(id__lt=before)
    # One more than the page needs: it shows whether another page follows.
    found = list(attempts[: limit + 1])
    return AttemptPage(found[:limit], found[limit - 1].pk if len(found) > limit else None)


def sent_body(attempt: WebhookAttempt, endpoint: WebhookEndpoint) -> str | None:
    """Return the body that the attempt sends or sent, or None if its event is no longer in the log."""
    event = None
    if attempt.kind != AttemptKind.TEST:
        event = Event.objects.filter(id=attempt.event_id or 0).first()
        if event is None:
            return None
    return message_body(endpoint, event, attempt.at).decode()


def attempt_json(attempt: WebhookAttempt) -> dict[str, object]:
    """Return an attempt as lists show it."""
    return {
        "id": attempt.pk,
        "kind": attempt.kind,
        "event_id": attempt.event_id,
        "event_type": attempt.event_type,
        "attempt": attempt.number,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "error": attempt.error,
        "at": rfc3339(attempt.at),
        "duration_ms": attempt.duration_ms,
        "next_attempt_at": rfc3339(attempt.next_attempt_at) if attempt.next_attempt_at else None,
    }


def whole_attempt_json(attempt: WebhookAttempt, endpoint: WebhookEndpoint) -> dict[str, object]:
    """Return an attempt with what was sent and received.

    The body that was sent is the event, so only callers that may read events get it.
    """
    return {
        **attempt_json(attempt),
        "request": {"headers": attempt.request_headers, "body": sent_body(attempt, endpoint)},
        "response_body": attempt.response_body,
    }
