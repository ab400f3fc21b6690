"""/v1/events: what happened, to keys and to whom it was done."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys import schemas
from apikeys.views.base import KeyAPIView
from events.log import as_json
from events.pages import DEFAULT_LIMIT, MAX_LIMIT, event_page
from events.types import EventType

_PARAMETERS = [
    OpenApiParameter("after", OpenApiTypes.INT, description="The id of the last event that was read; default 0."),
    OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MAX_LIMIT}, default {DEFAULT_LIMIT}."),
    OpenApiParameter("type", OpenApiTypes.STR, enum=list(EventType)),
    OpenApiParameter("key_id", OpenApiTypes.STR, description="Events of this key alone."),
]


class EventCollection(KeyAPIView):
    """The event log."""

    scopes = {"GET": "events:read"}

    @extend_schema(operation_id="list_events", parameters=_PARAMETERS, responses=schemas.EventPage)
    def get(self, request: Request) -> Response:
        """A page of events, oldest first; `next` is the `after` of the page that follows."""
        asked = {name: request.query_params.get(name) for name in ("after", "limit", "type", "key_id")}
        page = event_page(**asked)
        return Response({"items": [as_json(event) for event in page.events], "next": page.next})
