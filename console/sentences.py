"""Events as sentences: who did what to which key, with links."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apikeys.models import APIKey
from console.formatting import format_end, format_limit
from console.identifiers import WEBHOOK_ID_PATTERN, with_links
from events.models import Event
from events.types import EventType
from health.guard_rails import BY_NAME
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.timestamps import parse_rfc3339
from ratelimit.limit import LimitError, parse_limit

Labels = Mapping[str, str]
"""Labels of keys by key ID."""


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event with its sentence."""

    event: Event
    sentence: SafeString


def event_lines(events: Iterable[Event], now: datetime) -> list[EventLine]:
    """Return `events` with their sentences. One query reads the labels of all their keys."""
    listed = list(events)
    ids = {event.key_id for event in listed} | {_key_of(event.actor) for event in listed}
    labels = dict(APIKey.objects.filter(key_id__in=ids - {""}).values_list("key_id", "label"))
    return [EventLine(event, sentence(event, labels, now)) for event in listed]


def sentence(event: Event, labels: Labels, now: datetime) -> SafeString:
    """Return what happened as one sentence. Details that an older version didn't record are left out."""
    parts = _Parts(event, data_of(event), labels, now)
    template = _SENTENCES.get(event.type)
    return template(parts) if template else format_html("{}: {}", parts.actor, event.type)


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
class _Parts:
    """The parts of a sentence."""

    event: Event
    data: Mapping[str, Any]
    labels: Labels
    now: datetime

    @property
    def actor(self) -> SafeString:
        kind, _, name = self.event.actor.partition(":")
        if kind == "key":
            return key_link(name, self.labels)
        text = {"user": name, "command": f"manage.py {name}", "system": "Latchkey"}.get(kind, self.event.actor)
        return format_html("{}", text)

    @property
    def key(self) -> SafeString:
        return key_link(self.event.key_id, self.labels)

    @property
    def webhook(self) -> SafeString:
        name = str(self.data.get("webhook_id", ""))
        if not WEBHOOK_ID_PATTERN.fullmatch(name):
            return SafeString("a webhook")
        address = reverse("admin:events_webhookendpoint_change", args=[name])
        return format_html('the webhook <a href="{}">{}</a>', address, self.data.get("label") or name)

    @property
    def rail(self) -> SafeString:
        name = str(self.data.get("guard_rail") or self.data.get("component", ""))
        if name not in BY_NAME:
            return format_html("{}", name)
        return format_html('<a href="/guard-rails/{}">{}</a>', name, name)

    def word(self, name: str) -> str:
        return str(self.data.get(name) or "")

    def time(self, name: str) -> str:
        """Return "ends in 3 days" or "ended 3 days ago" for a time of the data."""
        try:
            moment = parse_rfc3339(self.word(name))
        except ValueError:
            return "ended"
        return format_end(moment, self.now)

    def limit(self, name: str) -> str:
        try:
            return format_limit(parse_limit(self.data.get(name))).lower()
        except LimitError:
            return "another limit"

    def fields(self) -> str:
        changed = self.data.get("to")
        # A changed event log may contain anything.
        names = [str(name).replace("_", " ") for name in changed] if isinstance(changed, dict) else []
        return ", ".join(names) or "fields"


_USUAL: Final = ("actor", "key", "webhook", "rail")


def _words(template: str, **words: Callable[[_Parts], object]) -> Callable[[_Parts], SafeString]:
    """Return a sentence whose {actor}, {key}, {webhook} and {rail} are those of the event, and other words as given."""

    def said(parts: _Parts) -> SafeString:
        usual = {name: getattr(parts, name) for name in _USUAL if f"{{{name}}}" in template}
        return format_html(template, **usual, **{name: word(parts) for name, word in words.items()})

    return said


def _health(parts: _Parts) -> SafeString:
    state = "opened an incident" if parts.word("status") == "degraded" else "is resolved"
    detail = with_links(parts.word("detail").removeprefix("Resolved: "))
    return format_html("{} {}: {}", parts.rail, state, detail) if detail else format_html("{} {}", parts.rail, state)


def _waiver_ended(parts: _Parts) -> SafeString:
    if parts.word("because") == "ended":
        return format_html("{} ended the waiver of {} for {}", parts.actor, parts.rail, parts.key)
    return format_html("The waiver of {} for {} ended", parts.rail, parts.key)


def _operator_changed(parts: _Parts) -> SafeString:
    """Return who did what to whom, with the fields, and old and new groups: what an audit looks for first."""
    subject = parts.word("subject").removeprefix("user:")
    fields = parts.data.get("fields")
    named = f" ({', '.join(map(str, fields))})" if isinstance(fields, list) and fields else ""
    before, after = (parts.data.get(side) for side in ("from", "to"))
    old, new = (side.get("groups") if isinstance(side, dict) else None for side in (before, after))
    roles = "" if old is None and new is None else f", groups {_names(old)} to {_names(new)}"
    return format_html("{}: {} {}{}{}", parts.actor, subject, parts.word("did"), named, roles)


def _attempts(parts: _Parts) -> str:
    return "1 attempt" if parts.data.get("refused") == 1 else f"{parts.word('refused')} attempts"


def _is_unknown(parts: _Parts) -> bool:
    return parts.word("name") in ("", "unknown")


def _user(parts: _Parts) -> str:
    return "an unknown user" if _is_unknown(parts) else parts.word("name")


def _names(values: object) -> str:
    return ", ".join(map(str, values)) or "none" if isinstance(values, list) else "none"


_SENTENCES: Final[Mapping[str, Callable[[_Parts], SafeString]]] = {
    EventType.KEY_ISSUED: _words("{actor} issued {key}"),
    EventType.KEYS_IMPORTED: _words(
        "{actor} imported {count} keys of {source}",
        count=lambda parts: parts.word("count"),
        source=lambda parts: parts.word("source"),
    ),
    EventType.KEY_UPDATED: _words("{actor} changed {fields} of {key}", fields=_Parts.fields),
    EventType.RATE_LIMIT_CHANGED: _words(
        "{actor} changed the limit of {key} from {old} to {new}",
        old=lambda parts: parts.limit("from"),
        new=lambda parts: parts.limit("to"),
    ),
    EventType.KEY_ROTATED: _words(
        "{actor} rotated {key}; the old secret {ends}", ends=lambda parts: parts.time("retiring_secret_ends_at")
    ),
    EventType.ROTATION_FINISHED: _words("{actor} finished the rotation of {key}"),
    EventType.KEY_DISABLED: _words("{actor} disabled {key}"),
    EventType.KEY_ENABLED: _words("{actor} enabled {key}"),
    EventType.KEY_REVOKED: _words("{actor} revoked {key}"),
    EventType.KEY_EXPIRED: _words("{key} expired"),
    EventType.RECORDS_FORGOTTEN: _words("{actor} made all processes read their keys again"),
    EventType.HEALTH_CHANGED: _health,
    EventType.AUTHENTICATION_FAILURE_BURST: _words(
        "{address} continued after too many failed authentications: {refused} rejected",
        address=lambda parts: parts.word("address"),
        refused=_attempts,
    ),
    EventType.WAIVER_GRANTED: _words(
        "{actor} waived {rail} for {key}: {reason}", reason=lambda parts: parts.word("reason")
    ),
    EventType.WAIVER_ENDED: _waiver_ended,
    EventType.WEBHOOK_ADDED: _words("{actor} added {webhook}"),
    EventType.WEBHOOK_UPDATED: _words("{actor} changed {fields} of {webhook}", fields=_Parts.fields),
    EventType.WEBHOOK_SECRET_ROTATED: _words(
        "{actor} rotated the secret of {webhook}; the old one {ends}",
        ends=lambda parts: parts.time("retiring_secret_ends_at"),
    ),
    EventType.WEBHOOK_TESTED: _words("{actor} sent a test to {webhook}"),
    EventType.WEBHOOK_RESENT: _words(
        "{actor} sent event {event} to {webhook} again", event=lambda parts: parts.word("event_id")
    ),
    EventType.WEBHOOK_REMOVED: _words(
        "{actor} removed the webhook {name}", name=lambda parts: parts.word("label") or parts.word("webhook_id")
    ),
    EventType.WEBHOOK_DISABLED: _words(
        "Latchkey disabled {webhook}: {error}", error=lambda parts: parts.word("last_error") or parts.word("reason")
    ),
    EventType.BACKUP_RESTORED: _words(
        "{actor} restored the backup {backup}", backup=lambda parts: parts.word("backup")
    ),
    EventType.OPERATOR_SIGNED_IN: _words(
        "{actor} signed in from {address}", address=lambda parts: parts.word("address")
    ),
    EventType.OPERATOR_SIGN_IN_FAILED: _words(
        "A sign-in as {name} failed at {address}",
        name=_user,
        address=lambda parts: parts.word("address"),
    ),
    EventType.OPERATOR_LOCKED_OUT: _words(
        "{name} was locked out at {address}",
        name=lambda parts: _user(parts).capitalize() if _is_unknown(parts) else _user(parts),
        address=lambda parts: parts.word("address"),
    ),
    EventType.OPERATOR_SIGNED_OUT: _words("{actor} signed out"),
    EventType.OPERATOR_CHANGED: _operator_changed,
}
