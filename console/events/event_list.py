"""List of events and its export: read by ID downward, so that a page costs the same with ten million events."""

import json
from collections.abc import Iterator
from typing import Final

from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone

from access.model_admin import is_row_number
from console.events.filters import EventFilterForm, matching_events
from console.events.model_admin import EventModelAdmin
from console.sentences import event_lines
from console.streamed_file import pages, streamed_file
from events.log import as_json
from events.models import Event, Patrol
from latchkey.csv_text import csv_text, harmless

PAGE: Final = 50
_EXPORTED: Final = 1000
_COLUMNS: Final = ("id", "at", "type", "actor", "key_id", "request_id", "data")


def event_list(request: HttpRequest, model_admin: EventModelAdmin) -> HttpResponse:
    """Return the page of events that match the filters, newest first, below the ID in the parameter `before`.

    Raise PermissionDenied without the view permission, and BadRequest for a parameter that the list doesn't have.
    """
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    if unknown := _unknown(request):
        raise BadRequest(f"The list has no parameter {min(unknown)}.")
    found, now = matching_events(request.GET.dict()), timezone.now()
    events = _below(found.events, request.GET.get("before", ""))
    # One more than is shown: it reveals whether there is a next page, without a count.
    listed = list(events[: PAGE + 1])
    filters = request.GET.copy()
    filters.pop("before", None)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Events",
        "opts": Event._meta,
        "form": found.form,
        "lines": event_lines(listed[:PAGE], now),
        "filters": filters.urlencode(),
        "searched_from": found.searched_from,
        "next": listed[PAGE - 1].pk if len(listed) > PAGE else None,
        "patrol": Patrol.objects.filter(id=1).first(),
    }
    return TemplateResponse(request, "console/events/list.html", context)


def export_events(request: HttpRequest, model_admin: EventModelAdmin, form: str) -> HttpResponseBase:
    """Return the events that match the filters, newest first, as CSV or as JSON Lines. `form` is csv or jsonl.

    Raise PermissionDenied without the view permission.
    """
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    found, now = matching_events(request.GET.dict()), timezone.now()
    if found.form.errors or _unknown(request):
        raise BadRequest("The address has a filter that the list of events doesn't have.")
    if form == "csv":
        parts, media_type = _csv(found.events), "text/csv"
    else:
        parts, media_type = _json_lines(found.events), "application/jsonl"
    return streamed_file(request, parts, name=f"events.{form}", media_type=media_type, now=now)


def _unknown(request: HttpRequest) -> set[str]:
    return set(request.GET) - {*EventFilterForm.base_fields, "before"}


def _below(events: QuerySet[Event], before: str) -> QuerySet[Event]:
    return events.filter(pk__lt=int(before)) if is_row_number(before) else events


def _json_lines(events: QuerySet[Event]) -> Iterator[str]:
    for page in pages(events, _EXPORTED):
        yield "".join(json.dumps(_row(event), ensure_ascii=False) + "\n" for event in page)


def _row(event: Event) -> dict[str, object]:
    try:
        return as_json(event)
    except ValueError:
        # Someone has changed the log, and that may be why it is exported: its data is then a text.
        event.data_json = json.dumps(event.data_json)
        return as_json(event)


def _csv(events: QuerySet[Event]) -> Iterator[str]:
    yield ",".join(_COLUMNS) + "\r\n"
    for page in pages(events, _EXPORTED):
        yield csv_text(
            [harmless(str(row[name] or "")) for name in _COLUMNS[:-1]] + [harmless(event.data_json)]
            for event in page
            for row in (_row(event),)
        )
