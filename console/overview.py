"""Overview: the current state of the installation, read in a constant number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import OuterRef, Subquery, Sum
from django.http import HttpRequest
from django.urls import reverse

from access.second_factor import has_authenticator
from apikeys.key_counts import STATES, latest_counts
from apikeys.models import APIKey, KeySecret, SecretState, Usage, UsageStep
from apikeys.usage.series import total_usage
from console.remedies import AnyUser, remedy_of
from console.sentences import event_lines
from console.usage_chart import usage_chart
from events.models import Event, WebhookEndpoint
from health.guard_rails import Severity
from health.guard_rails.lifetimes import ExpiringKey
from health.incidents import open_incidents
from health.models import Incident
from latchkey.relative_time import format_relative_time

MAX_ROWS: Final = 8
DAY: Final = timedelta(days=1)
_NEW_KEYS: Final = 2
"""A new installation has a key for the server itself, and at most the one that the first start printed."""


def overview(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Return the context of the overview's template."""
    census, user = latest_counts(now), request.user
    incidents = open_incidents() if user.has_perm("health.view_incident") else []
    is_new = sum(census.counts[state] for state in STATES) <= _NEW_KEYS
    return {
        "now": now,
        "census": census,
        "state": _state(incidents, census.counts["active"]) if user.has_perm("health.view_incident") else None,
        "steps": _next_steps(request) if is_new else [],
        **usage_chart(request, total_usage, now),
        "incidents": [(incident, remedy_of(incident, user)) for incident in incidents],
        "throttled": _most_throttled(now),
        "rotations": _rotations(now),
        "expiring": ExpiringKey().violating(APIKey.objects.usable(now), now).order_by("expires_at")[:MAX_ROWS],
        "lines": event_lines(_latest(user), now),
    }


def _latest(user: AnyUser) -> Iterable[Event]:
    return Event.objects.order_by("-id")[:MAX_ROWS] if user.has_perm("events.view_event") else ()


def _state(incidents: list[Incident], active: int) -> dict[str, str]:
    """Return the state of the installation as one sentence, and the highest severity as its tone."""
    keys = f"{active:,} {'key is' if active == 1 else 'keys are'} active."
    counts = [(one.value, sum(incident.severity == one for incident in incidents)) for one in reversed(Severity)]
    present = [(severity, count) for severity, count in counts if count]
    if not present:
        return {"tone": "ok", "text": f"All guard rails hold. {keys}"}
    parts = [f"{count} {severity}{'s' if count > 1 and severity != 'critical' else ''}" for severity, count in present]
    return {"tone": present[0][0], "text": f"Open incidents: {', '.join(parts)}. {keys}"}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a new installation still lacks."""

    title: str
    url: str
    text: str


def _next_steps(request: HttpRequest) -> list[Step]:
    user, steps = request.user, []
    if user.has_perm("apikeys.add_apikey"):
        steps.append(
            Step("Issue your first key", reverse("admin:apikeys_apikey_add"), "With its own scopes, limit and expiry.")
        )
    steps.append(
        Step("Protect a service", "/docs/", "Your proxy asks /v1/check about each request; manage.py proxy_config.")
    )
    if user.has_perm("events.view_webhookendpoint") and not WebhookEndpoint.objects.exists():
        webhooks = reverse("admin:events_webhookendpoint_changelist")
        steps.append(Step("Add a webhook", webhooks, "Latchkey sends you each event, signed."))
    if not has_authenticator(user):
        steps.append(
            Step("Turn on an authenticator", reverse("admin:authenticator"), "A code in addition to your password.")
        )
    return steps


def _most_throttled(now: datetime) -> list[dict[str, Any]]:
    """Return the keys with the most throttled requests in the last day, and their `count`, highest first."""
    rows: Any = (
        Usage.objects.filter(step=UsageStep.HOUR, start__gt=now - DAY, throttled__gt=0)
        .values("key_id", "key__key_id", "key__label")
        .annotate(count=Sum("throttled"))
        .order_by("-count", "key_id")
    )
    return list(rows[:MAX_ROWS])


def _rotations(now: datetime) -> list[dict[str, Any]]:
    """Return the retiring secrets that expire first, and when they and their successors were last used."""
    successor = KeySecret.objects.filter(key=OuterRef("key"), state=SecretState.ACTIVE).values("last_used_at")
    retiring = KeySecret.objects.filter(state=SecretState.RETIRING, expires_at__gt=now, key__revoked_at=None)
    retiring = retiring.annotate(successor_used_at=Subquery(successor))
    return [
        {
            "key": secret.key,
            "ends": format_relative_time(secret.expires_at, now),
            "last_used": format_relative_time(secret.last_used_at, now),
            "new_last_used": format_relative_time(secret.successor_used_at, now),
            "overdue": secret.overdue_at is not None
            and secret.last_used_at is not None
            and secret.last_used_at >= secret.overdue_at,
        }
        for secret in retiring.select_related("key").order_by("expires_at")[:MAX_ROWS]
    ]
