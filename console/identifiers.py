"""Identifiers as links with a button that copies them."""

import re
from typing import Final

from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from latchkey.credentials import KEY_ID_PATTERN
from ratelimit.plan_limit import NAME_PATTERN

_PAGES: Final = {
    "key": "apikeys_apikey_change",
    "webhook": "events_webhookendpoint_change",
    "event": "events_event_change",
    "incident": "health_incident_change",
    "plan": "apikeys_plan_change",
}
WEBHOOK_ID_PATTERN: Final = re.compile(r"wh_[0-9a-z]{12}")
_SHAPES: Final = {"key": KEY_ID_PATTERN, "webhook": WEBHOOK_ID_PATTERN, "plan": re.compile(NAME_PATTERN)}
_NAMED: Final = re.compile(rf"\b(?:(?P<key>{KEY_ID_PATTERN.pattern})|(?P<webhook>{WEBHOOK_ID_PATTERN.pattern}))\b")


def identifier(kind: str, value: object) -> SafeString:
    """Return `value` as a link to the page of that `kind`, with a button to copy it.

    The kind is key, webhook, event, incident, plan, owner (by its name), or request, whose page is a list. What can't
    be an ID, for example in an event log that someone has changed, is only text.
    """
    if (shape := _SHAPES.get(kind)) and not shape.fullmatch(str(value)):
        return format_html("{}", value)
    if kind in _PAGES:
        address = reverse(f"admin:{_PAGES[kind]}", args=[value])
    elif kind == "owner":
        address = reverse("admin:apikeys_owner_by_name", query={"name": value})
    else:
        address = reverse("admin:events_event_changelist", query={"q": value})
    return copyable_link(value, address)


def copyable_link(value: object, address: str) -> SafeString:
    """Return `value` as a link to this address, with a button to copy it."""
    return format_html(
        '<span class="identifier"><a href="{}">{}</a><button type="button" data-copy-text="{}" aria-label="Copy {}"'
        ' title="Copy"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5 5V2h9v9h-3M2 5h9v9H2z"/></svg></button>'
        "</span>",
        address,
        value,
        value,
        value,
    )


def with_links(text: str) -> SafeString:
    """Return `text`, escaped, with each ID of a key or webhook as a link to its page."""

    def link(match: re.Match[str]) -> str:
        kind = str(match.lastgroup)
        return format_html('<a href="{}">{}</a>', reverse(f"admin:{_PAGES[kind]}", args=[match[0]]), match[0])

    return mark_safe(_NAMED.sub(link, str(conditional_escape(text))))  # noqa: S308 - escaped before, and IDs are safe
