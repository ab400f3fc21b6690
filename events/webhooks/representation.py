"""JSON representation of webhooks."""

from datetime import datetime

from events.models import WebhookEndpoint
from events.webhooks.next_delivery import count_pending
from events.webhooks.secret import IssuedWebhook
from latchkey.timestamps import rfc3339


def webhook_json(endpoint: WebhookEndpoint, now: datetime) -> dict[str, object]:
    """Return the endpoint, the states of its secrets (never their text), and its delivery progress.

    It contains the whole URL, whose path and query often hold a token, so only callers that may read webhooks get
    it.
    """
    return {
        "id": endpoint.endpoint_id,
        "url": endpoint.url,
        "label": endpoint.label,
        "event_types": endpoint.event_types,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "created_at": rfc3339(endpoint.created_at),
        "secrets": _secrets_json(endpoint, now),
        "delivery": {
            "delivered_through": endpoint.delivered_through,
            "pending": count_pending(endpoint),
            "failures": endpoint.failures,
            "failing_since": _time(endpoint.failing_since),
            "next_attempt_at": _time(endpoint.next_attempt_at),
            "last_attempt_at": _time(endpoint.last_attempt_at),
            "last_status": endpoint.last_status,
            "last_error": endpoint.last_error,
        },
        "last_test": endpoint.last_test,
    }


def issued_webhook_json(issued: IssuedWebhook, now: datetime) -> dict[str, object]:
    """Return a webhook with its new secret, which is shown only once."""
    return {**webhook_json(issued.endpoint, now), "secret": issued.secret}


def _secrets_json(endpoint: WebhookEndpoint, now: datetime) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = [{"state": "active", "expires_at": None}]
    if endpoint.retiring_until is not None and endpoint.retiring_until > now:
        listed.append({"state": "retiring", "expires_at": rfc3339(endpoint.retiring_until)})
    return listed


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
