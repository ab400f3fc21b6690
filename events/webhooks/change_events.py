"""What the event log is told of a webhook: no secret, and of its URL the origin alone, as the rest may hold one."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from events import log as event_log
from events.draft import Entry
from events.observer import ALONE, Companion
from events.origin import Origin
from events.types import EventType
from events.webhooks.models import WebhookEndpoint


def tell(
    type: EventType,
    endpoint: WebhookEndpoint,
    origin: Origin,
    at: datetime,
    data: Mapping[str, object],
    companion: Companion = ALONE,
) -> None:
    """Append one event about `endpoint`, at the end of the transaction of the change, and `companion` with it."""
    entry = Entry(type, "", {"webhook_id": endpoint.endpoint_id, **data})
    event_log.append_all([entry], origin=origin, at=at, companion=companion)


def as_data(values: Mapping[str, object]) -> dict[str, object]:
    """Fields of an endpoint, the URL cut down to its origin."""
    return {name: url_origin(str(value)) if name == "url" else value for name, value in values.items()}


def url_origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
