"""Finding a webhook by its id."""

from events.lock_wait import bound_lock_waits
from events.webhooks.errors import WebhookNotFound
from events.webhooks.models import WebhookEndpoint


def find_webhook(endpoint_id: str) -> WebhookEndpoint:
    """The endpoint with this id. Raises WebhookNotFound."""
    return _found(WebhookEndpoint.objects.filter(endpoint_id=endpoint_id).first())


def lock_webhook(endpoint_id: str) -> WebhookEndpoint:
    """As `find_webhook`, and nobody else changes it until the transaction ends."""
    bound_lock_waits()
    return _found(WebhookEndpoint.objects.select_for_update().filter(endpoint_id=endpoint_id).first())


def _found(endpoint: WebhookEndpoint | None) -> WebhookEndpoint:
    if endpoint is None:
        raise WebhookNotFound("There is no webhook with this id.")
    return endpoint
