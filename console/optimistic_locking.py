"""Optimistic locking for forms: a form names the state that its page showed, and applies to no other state."""

from collections.abc import Sequence
from typing import Final

from django.http import HttpRequest

from apikeys.models import APIKey, Owner, Plan
from console.sentences import data_of
from events.models import Event, WebhookEndpoint
from events.types import EventType

FIELD: Final = "known_epoch"
_CHANGES: Final = (
    EventType.KEY_UPDATED,
    EventType.KEY_ROTATED,
    EventType.ROTATION_FINISHED,
    EventType.RATE_LIMIT_CHANGED,
    EventType.KEY_ENABLED,
    EventType.KEY_DISABLED,
    EventType.KEY_REVOKED,
)

_WEBHOOK_CHANGES: Final = (EventType.WEBHOOK_UPDATED, EventType.WEBHOOK_SECRET_ROTATED, EventType.WEBHOOK_DISABLED)
_PLAN_CHANGES: Final = (EventType.PLAN_CHANGED, EventType.PLAN_DELETED)
_OWNER_CHANGES: Final = (EventType.OWNER_CHANGED, EventType.OWNER_DELETED)
_RECENT: Final = 100


def known_states(request: HttpRequest, field: str = FIELD) -> frozenset[int]:
    """Return the state in a hidden field of the submitted form, or an empty set, which matches no state.

    A form without the field is thus rejected as stale.
    """
    text = request.POST.get(field, "")
    return frozenset([int(text)] if text.isascii() and text.isdigit() and len(text) < 19 else [])


def stale_webhook_message(webhook: WebhookEndpoint) -> str:
    """Return a message that a page about `webhook` is stale, and who changed the webhook."""
    recent = Event.objects.filter(type__in=_WEBHOOK_CHANGES).order_by("-id")[:_RECENT]
    named = f'"webhook_id":"{webhook.endpoint_id}"'
    event = next((event for event in recent if named in event.data_json), None)
    return _stale_message("webhook", webhook.endpoint_id, event)


def stale_page_message(key: APIKey) -> str:
    """Return a message that a page about `key` is stale, and who changed the key."""
    event = Event.objects.filter(key_id=key.key_id, type__in=_CHANGES).order_by("-id").first()
    return _stale_message("key", key.key_id, event)


def stale_plan_message(plan: Plan) -> str:
    """Return a message that a page about `plan` is stale, and who changed the plan."""
    return _stale_message("plan", plan.name, _last_event(_PLAN_CHANGES, "plan", plan.name))


def stale_owner_message(owner: Owner) -> str:
    """Return a message that a page about `owner` is stale, and who changed the owner."""
    return _stale_message("owner", owner.name, _last_event(_OWNER_CHANGES, "owner", owner.name))


def _last_event(types: Sequence[EventType], field: str, name: str) -> Event | None:
    """Return the last of the recent events of these types whose data names the plan or the owner."""
    recent = Event.objects.filter(type__in=types).order_by("-id")[:_RECENT]
    return next((event for event in recent if data_of(event).get(field) == name), None)


def _stale_message(kind: str, name: str, event: Event | None) -> str:
    by = f" by {event.actor} at {event.at:%Y-%m-%d %H:%M:%S} UTC ({event.type})" if event else ""
    return (
        f"{kind.capitalize()} {name} was changed{by} after this page was loaded. Your action was not applied. "
        f"Review the {kind}, then try again."
    )
