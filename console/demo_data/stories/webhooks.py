"""Two webhooks: one that has all of its events, and one that was given up."""

from collections.abc import Iterator
from datetime import timedelta

from console.demo_data.stage import Stage, unlogged
from console.demo_data.timeline import Story
from events.models import ChainHead
from events.types import EventType
from events.webhooks import record
from events.webhooks.backoff import DEAD_AFTER, DEAD_ATTEMPTS
from events.webhooks.models import WebhookEndpoint
from events.webhooks.next_delivery import Assignment, undelivered
from events.webhooks.outcome import Outcome


def webhooks(stage: Stage) -> Iterator[Story]:
    """The story of each."""
    yield _healthy(stage)
    yield _dead(stage)


def _healthy(stage: Stage) -> Story:
    """It asks for few types, so that a demo has little to send to a host that is nobody's."""
    values = {
        "url": "https://alerts.example.com/hooks/latchkey",
        "label": "on-call alerts",
        "event_types": [EventType.AUTHENTICATION_FAILURE_BURST, EventType.KEY_EXPIRED, EventType.WEBHOOK_DISABLED],
    }
    yield stage.ago(days=152, hours=3)
    endpoint = stage.webhooks("user:mara").add(values).endpoint
    yield stage.end
    _deliver_all(endpoint.pk)
    last = stage.ago(days=4) + timedelta(seconds=1)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(last_attempt_at=last, last_status=204)


def _dead(stage: Stage) -> Story:
    """Its host went away with a server that nobody misses."""
    yield stage.ago(days=98, hours=4)
    values = {"url": "https://archive.example.com/events", "label": "old audit archive"}
    endpoint = stage.webhooks("user:tomasz").add(values).endpoint
    since = stage.ago(days=4) - DEAD_AFTER
    yield since
    _deliver_all(endpoint.pk)
    failing = {"failures": DEAD_ATTEMPTS * 7, "failing_since": since}
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**failing)
    yield stage.ago(days=4)
    endpoint.refresh_from_db()
    with unlogged(record.__name__):
        event = undelivered(endpoint).order_by("id").first()
        record.record(Assignment(endpoint, event), Outcome(error="host not found"), stage.now, jitter=0)


def _deliver_all(pk: int) -> None:
    """Moves the cursor to the end of the log, as if all events up to now were delivered."""
    WebhookEndpoint.objects.filter(pk=pk).update(delivered_through=ChainHead.objects.get(id=1).last_id)
