"""Stories about webhooks: one that received all its events, and one that was disabled after repeated failures."""

from collections.abc import Iterator
from datetime import timedelta

from apikeys.peppers import configured_peppers
from console.demo_data.simulation import Simulation, silenced_logger
from console.demo_data.timeline import Story
from events.models import ChainHead, Event, WebhookEndpoint
from events.types import EventType
from events.webhooks import record
from events.webhooks.attempt import Attempt, loggable_headers
from events.webhooks.attempt_log import KEPT_FOR
from events.webhooks.backoff import DEAD_AFTER, DEAD_ATTEMPTS
from events.webhooks.delivery_result import DeliveryResult
from events.webhooks.next_delivery import Delivery, undelivered


def webhooks(simulation: Simulation) -> Iterator[Story]:
    """Yield the stories about webhooks."""
    yield _healthy(simulation)
    yield _dead(simulation)


def _healthy(simulation: Simulation) -> Story:
    """Play a webhook that receives all its events."""
    # It subscribes to few event types, so that a running demo sends little to a host that doesn't exist.
    values = {
        "url": "https://alerts.example.com/hooks/latchkey",
        "label": "on-call alerts",
        "event_types": [EventType.AUTHENTICATION_FAILURE_BURST, EventType.KEY_EXPIRED, EventType.WEBHOOK_DISABLED],
    }
    yield simulation.ago(days=152, hours=3)
    endpoint = simulation.webhooks("user:mara").add(values).endpoint
    yield simulation.end
    # Older attempts are no longer kept.
    for event in undelivered(endpoint).filter(at__gt=simulation.end - KEPT_FOR).order_by("id"):
        _deliver(endpoint, event)
    _deliver_all(endpoint.pk)


def _dead(simulation: Simulation) -> Story:
    """Play a webhook that is disabled because its host no longer exists."""
    yield simulation.ago(days=98, hours=4)
    values = {"url": "https://archive.example.com/events", "label": "old audit archive"}
    endpoint = simulation.webhooks("user:tomasz").add(values).endpoint
    since = simulation.ago(days=4) - DEAD_AFTER
    yield since
    _deliver_all(endpoint.pk)
    failing = {"failures": DEAD_ATTEMPTS * 7, "failing_since": since}
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**failing)
    yield simulation.ago(days=4)
    endpoint.refresh_from_db()
    with silenced_logger(record.__name__):
        event = undelivered(endpoint).order_by("id").first()
        failed = Attempt(DeliveryResult(error="host not found"), simulation.now, duration_ms=41)
        record.record_attempt(Delivery(endpoint, event), failed, simulation.now, jitter=0)


def _deliver(endpoint: WebhookEndpoint, event: Event) -> None:
    """Record that the event was delivered a second after it happened."""
    endpoint.refresh_from_db()
    delivery, at = Delivery(endpoint, event), event.at + timedelta(seconds=1)
    headers = loggable_headers(endpoint.url, delivery.message(configured_peppers(), at))
    attempt = Attempt(DeliveryResult(204), at, duration_ms=80 + event.id * 7 % 90, headers=headers)
    record.record_attempt(delivery, attempt, at, jitter=0)


def _deliver_all(pk: int) -> None:
    """Mark all events so far as delivered: set the webhook's cursor to the end of the event log."""
    WebhookEndpoint.objects.filter(pk=pk).update(delivered_through=ChainHead.objects.get(id=1).last_id)
