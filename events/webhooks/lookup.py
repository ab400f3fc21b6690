"""Lookup of webhooks by ID."""

from events.batched_sql import run, select_statement
from events.lock_timeout import lock_timeout_statements
from events.models import WebhookEndpoint
from events.webhooks.errors import WebhookNotFound


def find_webhook(endpoint_id: str) -> WebhookEndpoint:
    """Return the endpoint with this ID. Raise WebhookNotFound."""
    return _require(WebhookEndpoint.objects.filter(endpoint_id=endpoint_id).first())


def lock_webhook(endpoint_id: str) -> WebhookEndpoint:
    """Return the endpoint like `find_webhook`, and lock it until the transaction ends."""
    lock = select_statement(WebhookEndpoint.objects.select_for_update().filter(endpoint_id=endpoint_id))
    *_, found = run([*lock_timeout_statements(), lock])
    return _require(found[0] if found else None)


def _require(endpoint: WebhookEndpoint | None) -> WebhookEndpoint:
    if endpoint is None:
        raise WebhookNotFound("No webhook has this ID.")
    return endpoint
