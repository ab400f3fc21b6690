"""Remedies of incidents: where in the admin an operator fixes what a guard rail reports."""

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from health.guard_rails import BY_NAME
from health.models import Incident
from latchkey.credentials import KEY_ID_PATTERN

# The filter of the key list that shows the keys of a guard rail.
_FILTERS: Final = {
    "unlimited_key": "unlimited",
    "expiring_key": "expiring",
    "unused_key": "unused",
    "overdue_rotation": "rotating",
    "sustained_throttling": "throttled",
}
_KEYS: Final = ("excessive_burst", "key_without_expiry", "old_secret")
# The page of a key that fixes it; for others, it is the key's own page.
_PAGES: Final = {
    "unlimited_key": "limit",
    "excessive_burst": "limit",
    "sustained_throttling": "limit",
    "old_secret": "rotate",
    "overdue_rotation": "finish",
    "unused_key": "enable",
}


AnyUser = User | AnonymousUser
"""A user of the admin, as a request has it."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about an incident: a sentence, the page where to do it, and the page of its waiver.

    A page is empty if there is none here, or the user may not use it.
    """

    text: str
    fix: str
    waive: str


def remedy_of(incident: Incident, user: AnyUser) -> Remedy:
    """Return the remedy of an open incident, with only those pages that the user may use.

    Raises KeyError for a guard rail of another version.
    """
    name = incident.guard_rail
    key_id = _only_key(incident)
    about = {"guard_rail": name, "key_id": key_id} if key_id else {"guard_rail": name}
    waive = reverse("admin:health_waiver_add", query=about)
    fix = reverse(f"admin:apikeys_apikey_{_PAGES.get(name, 'change')}", args=[key_id]) if key_id else _fix(name)
    is_about_keys = name in (*_FILTERS, *_KEYS)
    if not user.has_perm("apikeys.change_apikey" if is_about_keys else "events.change_webhookendpoint"):
        fix = ""
    return Remedy(BY_NAME[name].remedy, fix, waive if user.has_perm("health.add_waiver") else "")


def _only_key(incident: Incident) -> str:
    """Return the ID of the only key of the incident; empty if there are several, or the incident isn't about keys."""
    named = set(KEY_ID_PATTERN.findall(incident.detail))
    if incident.count != 1 or len(named) != 1 or incident.guard_rail not in (*_FILTERS, *_KEYS):
        return ""
    return str(named.pop())


def _fix(name: str) -> str:
    keys = "admin:apikeys_apikey_changelist"
    if name in _FILTERS:
        return reverse(keys, query={"filter": _FILTERS[name]})
    if name in _KEYS:
        return reverse(keys)
    if name == "dead_webhook":
        return reverse("admin:events_webhookendpoint_changelist")
    return reverse("admin:verification") if name == "broken_event_log" else ""
