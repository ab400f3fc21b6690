"""Endpoint of the live event stream: an open stream occupies no thread."""

import asyncio
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Any, Final

from a2wsgi.wsgi import Body, build_environ
from django.core.handlers.wsgi import WSGIHandler
from structlog.contextvars import bind_contextvars, clear_contextvars

from api.event_stream.handoff import LiveCall, StreamOffer, make_offer
from api.event_stream.opening import django_response
from api.event_stream.session import EventSession, SlowReader
from api.event_stream.view import MEDIA_TYPE
from apikeys.request_context import request_id_of, trace_id_of
from events.stream.hub import default_hub
from events.stream.limits import MAX_STREAMS, StreamLimit
from events.stream.reader import DatabaseReader
from events.stream.stream import EventStream
from events.thread_pool import ThreadPool
from httpserver.accept_header import accepts
from httpserver.access_log import log_request
from httpserver.asgi_types import Receive, Scope, Send
from httpserver.descriptors import own_limits
from httpserver.streaming_response import StreamHandle, abort_connection

PATH: Final = "/v1/events"
TIMEOUT_SECONDS: Final = 5.0

# Separate threads, so that opening a stream doesn't wait for the open ones, nor they for it.
OPENING_THREADS: Final = ThreadPool("event-stream-opening", 2)
THREADS: Final = ThreadPool("event-stream", 2, timeout_seconds=TIMEOUT_SECONDS)
STREAM_LIMIT: Final = StreamLimit(max_streams=min(MAX_STREAMS, own_limits().connections // 2))
_reader = DatabaseReader(THREADS)


def is_stream_request(scope: Scope) -> bool:
    """Return whether the request may be for the stream. The view interprets the Accept field exactly."""
    if scope["path"] != PATH or scope["method"] != "GET":
        return False
    return any(name == b"accept" and accepts(value, MEDIA_TYPE) for name, value in scope["headers"])


async def event_stream(django: WSGIHandler, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to a request for the stream: with the stream, or with the error response of `django`."""
    started = perf_counter()
    handle = StreamHandle(scope)
    offer = StreamOffer(STREAM_LIMIT)
    environ: dict[str, Any] = dict(build_environ(scope, Body(asyncio.get_running_loop(), receive)))  # type: ignore[arg-type]
    make_offer(environ, offer)
    try:
        response = await OPENING_THREADS.run(partial(django_response, django, environ))
        await send(response.start(closes=offer.call is not None))
        if offer.call is None:
            await send({"type": "http.response.body", "body": response.body})
            return
        clear_contextvars()
        bind_contextvars(request_id=request_id_of(environ), key_id=offer.call.key_id)
        if (trace_id := trace_id_of(environ)) is not None:
            bind_contextvars(trace_id=trace_id)
        await _follow(offer.call, started, handle, scope, receive, send)
    finally:
        offer.withdraw()


async def _follow(
    call: LiveCall, started: float, handle: StreamHandle, scope: Scope, receive: Receive, send: Send
) -> None:
    stream = EventStream(default_hub(), _reader, call.start, own_key_id=call.key_id)
    handle.on_end(stream.end)
    disconnect = asyncio.create_task(_end_on_disconnect(stream, receive))
    session = EventSession(stream, call.authorization, send, THREADS)
    try:
        await session.run()
    except SlowReader:
        abort_connection(scope)
    finally:
        stream.close()
        disconnect.cancel()
        with suppress(asyncio.CancelledError):
            await disconnect
        log_request(
            method=scope["method"],
            path=scope["path"],
            status=200,
            address=call.authorization.address,
            started=started,
            events=session.sent,
            refused=session.denial.slug if session.denial else None,
        )


async def _end_on_disconnect(stream: EventStream, receive: Receive) -> None:
    """End the stream when the client disconnects. A request body is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()
