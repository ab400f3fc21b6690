"""/v1/events: what happened, to keys and to whom it was done."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys import schemas
from apikeys.stream_offer import offer_of
from apikeys.views.base import KeyAPIView
from apikeys.views.event_stream import MEDIA_TYPE, EventStreamRenderer, open_stream
from events.log import as_json
from events.pages import DEFAULT_LIMIT, MAX_LIMIT, event_page
from events.types import EventType

_PARAMETERS = [
    OpenApiParameter(
        "after", OpenApiTypes.INT, description="The id of the last event that was read. Default: 0; of a stream: now."
    ),
    OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MAX_LIMIT}, default {DEFAULT_LIMIT}."),
    OpenApiParameter("type", OpenApiTypes.STR, enum=list(EventType)),
    OpenApiParameter("key_id", OpenApiTypes.STR, description="Events of this key alone."),
    OpenApiParameter(
        "Last-Event-ID",
        OpenApiTypes.INT,
        OpenApiParameter.HEADER,
        description="Of a stream: the id of the last event that was received. It wins over `after`.",
    ),
]
_RESPONSES = {
    (200, "application/json"): schemas.EventPage,
    (200, MEDIA_TYPE): OpenApiResponse(
        OpenApiTypes.STR,
        "Server-sent events without end: `id` and `event` are the event's id and type, `data` is the event as JSON.",
    ),
}


class EventCollection(KeyAPIView):
    """The event log."""

    scopes = {"GET": "events:read"}

    def get_renderers(self) -> list[BaseRenderer]:
        """JSON, and the stream where the server can keep one open."""
        request = getattr(self, "request", None)
        offered = request is not None and offer_of(request.META) is not None
        return [*super().get_renderers(), EventStreamRenderer()] if offered else super().get_renderers()

    @extend_schema(operation_id="list_events", parameters=_PARAMETERS, responses=_RESPONSES)
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        """A page of events, oldest first; `next` is the `after` of the page that follows. With `Accept:
        text/event-stream` the live stream: what is written from now on, or after `after` or `Last-Event-ID`.
        """
        offer = offer_of(request.META)
        if offer is not None and isinstance(request.accepted_renderer, EventStreamRenderer):
            return open_stream(request, offer, self.scopes["GET"])
        asked = {name: request.query_params.get(name) for name in ("after", "limit", "type", "key_id")}
        page = event_page(**asked)
        return Response({"items": [as_json(event) for event in page.events], "next": page.next})
