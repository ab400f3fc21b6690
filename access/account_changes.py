"""Events about changes of users, groups and authenticator apps."""

from collections.abc import Mapping
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


def append_change_event(
    request: HttpRequest,
    subject: User | Group,
    did: str,
    details: Mapping[str, object] | None = None,
    *,
    actor: User | None = None,
) -> None:
    """Append the event that `actor` did `did` to `subject`, within the caller's transaction.

    Without `actor`, it is the signed-in user.
    """
    event_log.append(
        EventType.OPERATOR_CHANGED,
        origin=user_origin(request, actor or request.user),
        at=timezone.now(),
        data={"subject": _name(subject), "did": did, **(details or {})},
    )


def values_of(subject: User | Group) -> dict[str, Any]:
    """Return the fields of a user or group that a form can change, as events show them."""
    if isinstance(subject, User):
        names = ("username", "first_name", "last_name", "email", "is_active", "is_superuser")
        groups = sorted(subject.groups.values_list("name", flat=True))
        return {**{name: getattr(subject, name) for name in names}, "groups": groups}
    return {"name": subject.name, "permissions": sorted(_label(one) for one in _permissions(subject))}


def changes(before: Mapping[str, object] | None, after: Mapping[str, object]) -> dict[str, object]:
    """Return what changed from `before` to `after`, as an event contains it; empty if nothing.

    `before` is None for something new.
    """
    fields = sorted(name for name, value in after.items() if before is None or before[name] != value)
    if not fields:
        return {}
    shown = [name for name in fields if name in SHOWN]
    found: dict[str, object] = {"fields": fields, "to": {name: after[name] for name in shown}}
    if before is not None:
        found["from"] = {name: before[name] for name in shown}
    return found


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


def _permissions(group: Group) -> Any:
    return group.permissions.select_related("content_type")


def _label(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
