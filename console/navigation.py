"""Navigation: the pages that every page of the admin links to, with what needs attention in each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import reverse

from apikeys.models import Plan
from console.request_cache import key_census_of, open_incidents_of
from events.models import WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `count` is shown next to the name unless it is None, and `current` marks the page's own section."""

    name: str
    url: str
    count: int | None
    current: bool


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    route: str
    permission: str
    others: tuple[str, ...] = ()
    count: Callable[[HttpRequest], int | None] | None = None


def _active_keys(request: HttpRequest) -> int | None:
    # Only what the steward or the overview counted last: a count of a million keys is too slow for every page.
    census = key_census_of(request)
    return None if census is None else int(census.counts["active"])


def _incidents(request: HttpRequest) -> int:
    return len(open_incidents_of(request))


def _plans(_request: HttpRequest) -> int:
    return Plan.objects.count()


def _disabled_webhooks(_request: HttpRequest) -> int:
    return WebhookEndpoint.objects.exclude(disabled_reason="").count()


_SECTIONS: Final = (
    _Section("Overview", "index", ""),
    _Section("Keys", "apikeys_apikey_changelist", "apikeys.view_apikey", count=_active_keys),
    _Section("Owners", "apikeys_owner_changelist", "apikeys.view_owner"),
    _Section("Plans", "apikeys_plan_changelist", "apikeys.view_plan", count=_plans),
    _Section("Incidents", "health_incident_changelist", "health.view_incident", count=_incidents),
    _Section("Guard rails", "guard-rails", "health.view_incident", others=("/health/waiver/",)),
    _Section("Events", "events_event_changelist", "events.view_event", others=("/verification/",)),
    _Section("Webhooks", "events_webhookendpoint_changelist", "events.view_webhookendpoint", count=_disabled_webhooks),
    _Section("Access", "auth_user_changelist", "auth.view_user", others=("/auth/group/",)),
)


def navigation(request: HttpRequest) -> list[Entry]:
    """Return the sections that the user may see."""
    index = reverse("admin:index")
    return [
        Entry(
            section.name,
            url := reverse(f"admin:{section.route}"),
            section.count(request) if section.count else None,
            _is_current(request.path, url, index, section.others),
        )
        for section in _SECTIONS
        if not section.permission or request.user.has_perm(section.permission)
    ]


def _is_current(path: str, url: str, index: str, others: tuple[str, ...]) -> bool:
    if url == index:
        return path == index
    return path.startswith(url) or any(path.startswith(index.rstrip("/") + other) for other in others)
