"""The native door as an ASGI application: it asks the database, on threads of its own."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Final

import structlog
from django.utils import timezone
from structlog.contextvars import bind_contextvars, clear_contextvars

from apikeys.gate import default_gate
from controlplane.access_log import log_request
from controlplane.gateway_door import metrics
from controlplane.gateway_door.request import DoorRequest
from controlplane.problems import as_problem
from controlplane.server.asgi_types import Receive, Scope, Send
from controlplane.server.body import BodyCutOff, BodyTooLarge, BodyTooSlow, bounded_body
from controlplane.server.media_types import accepts
from events.threads import WorkThreads
from gateway.check import Answer, Call, check, refusal
from gateway.question import Question
from gateway.verify import ASKING, verify
from latchkey.credentials import CredentialError, credential_from_headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError
from latchkey.trace_context import parse_traceparent

CHECK: Final = "/v1/check"
VERIFY: Final = "/v1/verify"
PATIENCE_SECONDS: Final = 5.0
MOST_DOUBTFUL: Final = 1000

_JSON: Final = "application/json"
_ANYTHING: Final = "*/*"

log = structlog.get_logger(__name__)

# The database is asked on threads, so that a silent one stops no other request of the worker. A credential for which
# nothing speaks has a thread of its own kind, and waits in a line that ends: whoever tries many holds up nobody else.
THREADS: Final = WorkThreads("gateway", 2, patience_seconds=PATIENCE_SECONDS)
DOUBTFUL: Final = WorkThreads("gateway-doubtful", 2, patience_seconds=PATIENCE_SECONDS, at_most=MOST_DOUBTFUL)


async def check_door(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers /v1/check. A body is none of its business: it is read and dropped, or the connection ends."""
    request = DoorRequest.of(scope)
    try:
        closes = await _unread_body(scope, receive)
    except BodyCutOff:
        return
    call = call_of(scope, request)
    await _answer(scope, request, send, partial(check, default_gate(), call), closes=closes)


def asks_to_verify(scope: Scope) -> bool:
    """Whether it is a call of /v1/verify in the plainest form; Django answers every other, and says what is wrong."""
    if scope["path"] != VERIFY or scope["method"] != "POST":
        return False
    fields = DoorRequest.of(scope).fields
    accepted = fields.get(b"accept", _ANYTHING).encode("latin-1")
    taken = any(accepts(accepted, media_type) for media_type in (_ANYTHING, "application/*", _JSON))
    return taken and fields.get(b"content-type", "").partition(";")[0].strip().lower() == _JSON


async def verify_door(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a call for which `asks_to_verify` holds. Its body is there."""
    request = DoorRequest.of(scope)
    body = (await receive())["body"]
    call = replace(call_of(scope, request), query=ASKING)
    await _answer(scope, request, send, partial(verify, default_gate(), call, body, timezone.now()))


async def _answer(
    scope: Scope, request: DoorRequest, send: Send, work: Callable[[], Answer], *, closes: bool = False
) -> None:
    started = perf_counter()
    clear_contextvars()
    bind_contextvars(request_id=request.request_id)
    bind_contextvars(**trace_of(scope))
    try:
        answer = await _threads_for(call_of(scope, request)).run(work)
    except Exception as error:
        problem = unavailable(error) if isinstance(error, TimeoutError) else as_problem(error)
        if problem is None:
            raise
        answer = refusal(problem, Question(), call_of(scope, request))
    await _send(answer, send, closes=closes)
    tell(scope, answer, request.address, started)


def _threads_for(call: Call) -> WorkThreads:
    try:
        credential = credential_from_headers(call.api_key, call.authorization)
    except CredentialError:
        return DOUBTFUL
    return DOUBTFUL if metrics.loop_gate().doubts(credential) else THREADS


def unavailable(error: Exception, **known: str) -> ProblemError:
    """The answer to what did not answer us; `known` goes into the log with it."""
    log.error("unavailable", exc_info=error, **known)
    problem = ProblemError(CATALOGUE["unavailable"].title + ".")
    problem.slug = "unavailable"
    return problem


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


def trace_of(scope: Scope) -> dict[str, str]:
    """The id of the trace that a request belongs to, for the log; nothing where it belongs to none."""
    field = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None)
    trace = parse_traceparent(field)
    return {"trace_id": trace.trace_id} if trace else {}


def tell(scope: Scope, answer: Answer, address: str, started: float, **known: str) -> None:
    """Writes the request's line in the log. A check that lets pass leaves none: the proxy that asks has its own."""
    if scope["path"] == CHECK and answer.status < 300:
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
    except BodyCutOff:
        raise
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
