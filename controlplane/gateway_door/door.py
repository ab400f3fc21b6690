"""The native door as an ASGI application: it asks the database, on threads of its own."""

from functools import partial
from time import perf_counter
from typing import Final

from structlog.contextvars import bind_contextvars, clear_contextvars

from apikeys.gate import default_gate
from controlplane.access_log import log_request
from controlplane.gateway_door.request import DoorRequest
from controlplane.problems import as_problem
from controlplane.server.asgi_types import Receive, Scope, Send
from controlplane.server.body import BodyTooLarge, BodyTooSlow, bounded_body
from events.threads import WorkThreads
from gateway.check import Answer, Call, check, refusal
from gateway.question import Question
from latchkey.trace_context import parse_traceparent

CHECK: Final = "/v1/check"
PATIENCE_SECONDS: Final = 5.0

# The database is asked here, so that a silent one stops no other request of the worker.
THREADS: Final = WorkThreads("gateway", 2, patience_seconds=PATIENCE_SECONDS)


async def check_door(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers /v1/check. A body is none of its business: it is read and dropped, or the connection ends."""
    started = perf_counter()
    request = DoorRequest.of(scope)
    clear_contextvars()
    bind_contextvars(request_id=request.request_id)
    if trace := parse_traceparent(request.fields.get(b"traceparent")):
        bind_contextvars(trace_id=trace.trace_id)
    call = call_of(scope, request)
    closes = await _unread_body(scope, receive)
    try:
        answer = await THREADS.run(partial(check, default_gate(), call))
    except Exception as error:
        problem = as_problem(error)
        if problem is None:
            raise
        answer = refusal(problem, Question(), call)
    await _send(answer, send, closes=closes)
    tell(scope, answer, call.address, started)


def call_of(scope: Scope, request: DoorRequest) -> Call:
    """What is asked."""
    fields = request.fields
    return Call(
        scope["query_string"],
        fields.get(b"x-api-key"),
        fields.get(b"authorization"),
        request.address,
        scope["path"],
        request.request_id,
    )


def tell(scope: Scope, answer: Answer, address: str, started: float, **known: str) -> None:
    """Writes the line of a request that may not pass. One that may leaves none: the proxy that asks has its own."""
    if answer.status == 204:
        return
    if answer.key_id:
        known["key_id"] = answer.key_id
    log_request(
        method=scope["method"], path=scope["path"], status=answer.status, address=address, started=started, **known
    )


async def _unread_body(scope: Scope, receive: Receive) -> bool:
    """Drops the body. Whether there is more of it than is read, so that the connection has to end."""
    try:
        await bounded_body(scope["headers"], receive)
    except (BodyTooLarge, BodyTooSlow):
        return True
    return False


async def _send(answer: Answer, send: Send, *, closes: bool) -> None:
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.fields]
    if answer.status != 204:
        fields.append((b"content-length", str(len(answer.body)).encode()))
    if closes:
        fields.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": fields})
    await send({"type": "http.response.body", "body": answer.body})
