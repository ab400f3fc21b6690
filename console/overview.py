"""Overview: the current state of the installation, read in a constant number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse

from access.second_factor import has_authenticator
from apikeys.key_counts import STATES, latest_counts
from apikeys.models import APIKey, KeySecret, SecretState
from apikeys.usage.series import total_usage
from console.limits.near_end import quotas_near_end
from console.ranking import ranking_context
from console.remedies import AnyUser, remedy_of
from console.request_cache import open_incidents_of, show_census
from console.sentences import event_lines
from console.usage_chart import usage_chart
from events.models import Event, WebhookEndpoint
from health.guard_rails import Severity
from health.guard_rails.lifetimes import ExpiringKey
from health.models import Incident
from latchkey.relative_time import format_relative_time

MAX_ROWS: Final = 8
_NEW_KEYS: Final = 2
"""A new installation has a key for the server itself, and at most the one that the first start printed."""


def overview(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Return the context of the overview's template."""
    census, user = show_census(request, latest_counts(now)), request.user
    incidents = open_incidents_of(request) if user.has_perm("health.view_incident") else []
    keys = sum(census.counts[state] for state in STATES)
    return {
        "now": now,
        "census": census,
        "state": _state(incidents, census.counts["active"]) if user.has_perm("health.view_incident") else None,
        "steps": _next_steps(request) if keys <= _NEW_KEYS else [],
        **usage_chart(request, total_usage, now),
        "incidents": [(incident, remedy_of(incident, user)) for incident in incidents],
        **ranking_context(now, keys),
        "near_end": quotas_near_end(now) if user.has_perm("apikeys.view_owner") else None,
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


def _rotations(now: datetime) -> list[dict[str, Any]]:
    """Return the retiring secrets that expire first, and when they and their successors were last used."""
    retiring = KeySecret.objects.filter(state=SecretState.RETIRING, expires_at__gt=now, key__revoked_at=None)
    # The marks are those of the key, which both of its secrets share.
    retiring = retiring.select_related("key").prefetch_related("key__secrets", "key__usage_marks")
    return [
        {
            "key": secret.key,
            "ends": format_relative_time(secret.expires_at, now),
            "last_used": format_relative_time(secret.last_used_at, now),
            "new_last_used": format_relative_time(_successor_used_at(secret), now),
            "overdue": secret.overdue_at is not None
            and secret.last_used_at is not None
            and secret.last_used_at >= secret.overdue_at,
        }
        for secret in retiring.order_by("expires_at")[:MAX_ROWS]
    ]


def _successor_used_at(secret: KeySecret) -> datetime | None:
    return next((one.last_used_at for one in secret.key.secrets.all() if one.state == SecretState.ACTIVE), None)
