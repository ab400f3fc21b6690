"""Live stream of events, up to the point at which the server takes over."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import StreamingHttpResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from api.event_stream.handoff import LiveCall, StreamOffer
from api.reauthorization import Standing
from apikeys.authenticator import Verified
from apikeys.request_context import address_of
from events.stream.start import stream_start

MEDIA_TYPE: Final = "text/event-stream"


class EventStreamRenderer(JSONRenderer):
    """Renderer that allows `Accept: text/event-stream` in content negotiation. It renders only errors, never a
    stream.
    """

    media_type = MEDIA_TYPE
    format = "event-stream"


def open_stream(request: Request, offer: StreamOffer, scope: str, asked: Mapping[str, Any]) -> StreamingHttpResponse:
    """Accept the server's offer, and return the head of the stream. The server writes the body.

    `asked` are the parsed query parameters. Raises InvalidParameters or TooManyStreams.
    """
    if not isinstance(request.auth, Verified):
        raise TypeError("the view is not authenticated by a key")
    start = stream_start(last_event_id=request.headers.get("Last-Event-ID"), **asked)
    offer.accept(LiveCall(Standing(request.auth.credential, address_of(request.META), scope), start))
    return StreamingHttpResponse(content_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
