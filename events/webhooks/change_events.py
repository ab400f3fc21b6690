"""Events about webhooks: they contain no secret, and only the origin of a URL, because the rest may be secret."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from events import log as event_log
from events.draft import Entry
from events.models import WebhookEndpoint
from events.observers import NO_HOOKS, AppendHooks
from events.origin import Origin
from events.types import EventType


def append_event(
    type: EventType,
    endpoint: WebhookEndpoint,
    origin: Origin,
    at: datetime,
    data: Mapping[str, object],
    hooks: AppendHooks = NO_HOOKS,
) -> None:
    """Append one event about `endpoint` at the end of the change's transaction, together with `hooks`."""
    entry = Entry(type, "", {"webhook_id": endpoint.endpoint_id, **data})
    event_log.append_all([entry], origin=origin, at=at, hooks=hooks)


def event_data(values: Mapping[str, object]) -> dict[str, object]:
    """Return an endpoint's fields for an event, with the URL reduced to its origin."""
    return {name: url_origin(str(value)) if name == "url" else value for name, value in values.items()}


def url_origin(url: str) -> str:
    """Return the scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
