"""Events as sentences: who did what to which key, with links."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apikeys.models import APIKey
from console.identifiers import WEBHOOK_ID_PATTERN, with_links
from events.models import Event
from health.guard_rails import BY_NAME
from latchkey import event_sentences
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.event_sentences import Happening
from ratelimit.plan_limit import NAME_PATTERN

Labels = Mapping[str, str]
"""Labels of keys by key ID."""

_PLAN: Final = re.compile(NAME_PATTERN)
NO_LABELS: Final[Labels] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event with its sentence."""

    event: Event
    sentence: SafeString


def event_lines(events: Iterable[Event], now: datetime, *, known: Labels = NO_LABELS) -> list[EventLine]:
    """Return `events` with their sentences. One query reads the labels of all their keys that aren't `known`."""
    listed = list(events)
    ids = {event.key_id for event in listed} | {_key_of(event.actor) for event in listed}
    unknown = APIKey.objects.filter(key_id__in=ids - {"", *known}).values_list("key_id", "label")
    labels = {**known, **dict(unknown)}
    return [EventLine(event, sentence(event, labels, now)) for event in listed]


def sentence(event: Event, labels: Labels, now: datetime) -> SafeString:
    """Return what happened as one sentence, with a link to each thing that it names."""
    happening = Happening(event.type, event.actor, event.key_id, data_of(event), now, _Links(labels))
    # `format_html` escapes every part that isn't a link.
    return mark_safe(event_sentences.sentence(happening, format_html))  # noqa: S308


def data_of(event: Event) -> dict[str, Any]:
    """Return the event's data; empty if someone has changed the log, so that it is no JSON object."""
    try:
        data: object = event.data
    except ValueError:
        data = None
    return data if isinstance(data, dict) else {}


def key_link(key_id: str, labels: Labels) -> SafeString:
    """Return a link to the key with its label, or its ID if the key has none; "all keys" without a key ID."""
    if not key_id:
        return SafeString("all keys")
    if not KEY_ID_PATTERN.fullmatch(key_id):
        return format_html("{}", key_id)
    address = reverse("admin:apikeys_apikey_change", args=[key_id])
    return format_html('<a href="{}">{}</a>', address, labels.get(key_id, key_id))


def _key_of(actor: str) -> str:
    return actor.removeprefix("key:") if actor.startswith("key:") else ""


@dataclass(frozen=True, slots=True)
class _Links:
    """Names as links to their pages."""

    labels: Labels

    def key(self, key_id: str) -> SafeString:
        return key_link(key_id, self.labels)

    def webhook(self, webhook_id: str, label: str) -> SafeString:
        if not WEBHOOK_ID_PATTERN.fullmatch(webhook_id):
            return SafeString("a webhook")
        address = reverse("admin:events_webhookendpoint_change", args=[webhook_id])
        return format_html('the webhook <a href="{}">{}</a>', address, label or webhook_id)

    def guard_rail(self, name: str) -> SafeString:
        if name not in BY_NAME:
            return format_html("{}", name)
        return format_html('<a href="/guard-rails/{}">{}</a>', name, name)

    def detail(self, text: str) -> SafeString:
        return with_links(text)

    def plan(self, name: str) -> SafeString:
        if not _PLAN.fullmatch(name):
            return format_html("{}", name)
        return format_html('<a href="{}">{}</a>', reverse("admin:apikeys_plan_change", args=[name]), name)

    def owner(self, name: str) -> SafeString:
        address = reverse("admin:apikeys_owner_by_name", query={"name": name})
        return format_html('<a href="{}">{}</a>', address, name)
