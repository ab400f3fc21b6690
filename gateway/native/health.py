"""/health on the event loop: the response doesn't depend on how busy the threads are."""

import json
from time import perf_counter
from typing import Final

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from gateway.check import NO_STORE, Answer
from gateway.native.endpoint import accepts_json, send_answer, tell, trace_of
from gateway.native.request import EndpointRequest
from health.cached_response import current_health
from httpserver.asgi_types import Scope, Send
from latchkey import headers

PATH: Final = "/health"


def asks_for_health(scope: Scope) -> bool:
    """Return whether the request is a probe in its plainest form and the status is known. Django handles all others."""
    if scope["path"] != PATH or scope["method"] not in ("GET", "HEAD") or current_health().status is None:
        return False
    return accepts_json(EndpointRequest.of(scope)) and _names_this_server(scope)


async def health_probe(scope: Scope, send: Send) -> None:
    """Answer a request for which `asks_for_health` is true."""
    started, request, status = perf_counter(), EndpointRequest.of(scope), current_health().status
    fields = [("Content-Type", "application/json"), NO_STORE, (headers.REQUEST_ID, request.request_id)]
    body = json.dumps({"status": status}, separators=(",", ":")).encode()
    answer = Answer(200 if status and status.is_ready else 503, [*fields, ("X-Content-Type-Options", "nosniff")], body)
    await send_answer(answer, send)
    tell(scope, answer, request.address, started, request_id=request.request_id, **trace_of(scope))


def _names_this_server(scope: Scope) -> bool:
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
