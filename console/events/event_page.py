"""Page of one event: what happened, what changed, and the data as it is stored."""

import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from console.events.model_admin import EventModelAdmin
from console.sentences import data_of, event_lines
from events.models import Event


def event_page(request: HttpRequest, model_admin: EventModelAdmin, event_id: int) -> HttpResponse:
    """Return the page of an event. Raise PermissionDenied without the view permission, and for a form."""
    if not model_admin.has_view_permission(request) or request.method not in ("GET", "HEAD"):
        raise PermissionDenied
    event = get_object_or_404(Event, pk=event_id)
    data = data_of(event)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": Event._meta,
        "title": f"Event {event.pk}",
        "event": event,
        "line": event_lines([event], timezone.now())[0],
        "changes": _changes(data),
        "data": _json(data, indent=2) if data else event.data_json,
    }
    return TemplateResponse(request, "console/events/event.html", context)


def _changes(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the fields that changed, with their values before and after as JSON."""
    # The unlimited side of a limit is null, and what was added has no "from".
    old, new = (side if isinstance(side, dict) else {} for side in (data.get("from"), data.get("to")))
    return [(name, _json(old.get(name)), _json(new.get(name))) for name in {**old, **new}]


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)
