"""/v1/events: the event log, as pages and as a live stream."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView
from api.event_stream.handoff import offer_of
from api.event_stream.view import MEDIA_TYPE, EventStreamRenderer, open_stream
from api.schemas import keys
from apikeys.lookup import import_event_of
from events.log import as_json
from events.pages import QUERY, STREAM_QUERY, event_page
from latchkey.query import Query

_LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="For a stream: ID of the last event that was received. Overrides `after`.",
)
_RESPONSES = {
    (200, "application/json"): keys.EventPage,
    (200, MEDIA_TYPE): OpenApiResponse(
        OpenApiTypes.STR,
        "Endless server-sent events: `id` and `event` are the event's ID and type, `data` is the event as JSON.",
    ),
}


class EventCollection(KeyAPIView):
    """The event log."""

    scopes = {"GET": "events:read"}
    queries = {"GET": QUERY}

    def query_of(self, request: Request) -> Query:
        """Return the query parameters of a page, or of a stream, which has no `limit`."""
        return STREAM_QUERY if _wants_stream(request) else super().query_of(request)

    def get_renderers(self) -> list[BaseRenderer]:
        """Return the JSON renderer, and that of the stream if the server can keep one open."""
        request = getattr(self, "request", None)
        offered = request is not None and offer_of(request.META) is not None
        return [*super().get_renderers(), EventStreamRenderer()] if offered else super().get_renderers()

    @extend_schema(operation_id="list_events", parameters=[_LAST_EVENT_ID], responses=_RESPONSES)
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        """List events, oldest first, or follow the live stream. With `Accept: text/event-stream` the response is a
        stream of what is written from now on, or after `after` or `Last-Event-ID`.
        """
        offer = offer_of(request.META)
        if offer is not None and _wants_stream(request):
            return open_stream(request, offer, self.scopes["GET"], self._query())
        page = event_page(**self._query())
        return Response({"items": [as_json(event) for event in page.events], "next": page.next})

    def _query(self) -> dict[str, Any]:
        """Return the parsed parameters, and the import that issued the key, if that is what they ask for."""
        return {**self.parameters, "import_event": import_event_of(self.parameters.get("key_id"))}


def _wants_stream(request: Request) -> bool:
    return isinstance(request.accepted_renderer, EventStreamRenderer)
