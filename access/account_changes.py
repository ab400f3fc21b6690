"""Events about changes of users, groups and authenticator apps."""

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest
from django.utils import timezone

from access.origin import user_origin
from events import log as event_log
from events.models import Event
from events.types import EventType

SHOWN: Final = ("username", "name", "is_active", "is_superuser", "groups", "permissions")
"""Fields whose values appear in events. Of all other fields, events only say that they changed."""

MAX_EVENTS_SEARCHED: Final = 100


def append_change_event(request: HttpRequest, subject: User | Group, did: str, **details: object) -> None:
    """Append the event that the signed-in user did `did` to `subject`, within the caller's transaction."""
    event_log.append(
        EventType.OPERATOR_CHANGED,
        origin=user_origin(request, request.user),
        at=timezone.now(),
        data={"subject": _name(subject), "did": did, **details},
    )


def changes_of(form: Any, *, added: bool) -> dict[str, object]:
    """Return what a form of the admin, already saved, has changed; empty if nothing."""
    if not form.changed_data:
        return {}
    shown = [name for name in form.changed_data if name in SHOWN]
    changes: dict[str, object] = {
        # The form's fields are password1 and password2; their names say nothing more.
        "fields": sorted({"password" if "password" in name else name for name in form.changed_data}),
        "to": {name: _plain(form.cleaned_data[name]) for name in shown},
    }
    if not added:
        changes["from"] = {name: _plain(form.initial.get(name)) for name in shown}
    return changes


def last_change(subject: User | Group) -> str:
    """Return who changed `subject` last and when, as " by user:ada at 2026-11-28 17:53:00 UTC".

    Empty if none of the last MAX_EVENTS_SEARCHED events is about it.
    """
    name = _name(subject)
    for event in Event.objects.filter(type=EventType.OPERATOR_CHANGED).order_by("-id")[:MAX_EVENTS_SEARCHED]:
        if event.data["subject"] == name:
            return f" by {event.actor} at {event.at:%Y-%m-%d %H:%M:%S} UTC"
    return ""


def _name(subject: User | Group) -> str:
    """Return the name of a user or group as events show it."""
    return f"user:{subject.get_username()}" if isinstance(subject, User) else f"group:{subject.name}"


def _plain(value: Any) -> object:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return sorted(_label(member) for member in value)
    return value


def _label(member: Group | Permission) -> str:
    if isinstance(member, Permission):
        return f"{member.content_type.app_label}.{member.codename}"
    return member.name
