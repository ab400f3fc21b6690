"""Native endpoints as ASGI applications: they query the database on their own threads."""

from collections.abc import Awaitable, Callable, Container
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Final

import structlog
from django.conf import settings
from django.utils import timezone
from structlog.contextvars import bind_contextvars, clear_contextvars

from api.problems import as_problem, log_unavailable
from apikeys.authenticator import default_authenticator
from apikeys.credential_fields import LOWER_NAMES
from apikeys.request_credential import request_credential
from events.thread_pool import ThreadPool
from gateway.calls import Call, GatewayResponse, error_response
from gateway.check import check, credential_of
from gateway.check_parameters import CheckParameters, parse_check_parameters
from gateway.native import lookups, metrics
from gateway.native.callers import record_call
from gateway.native.lookups import TIMEOUT_SECONDS
from gateway.native.loop_authenticator import decide
from gateway.native.request import EndpointRequest
from gateway.native.verify import CALLER_QUERY, verify_response
from gateway.verify import Code
from httpserver.accept_header import accepts
from httpserver.access_log import log_request
from httpserver.asgi_types import Fields, Receive, Scope, Send
from httpserver.body import BodyCutOff, BodyTooLarge, BodyTooSlow, bounded_body
from latchkey.credentials import CredentialError
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError
from latchkey.trace_context import parse_traceparent

CHECK: Final = "/v1/check"
VERIFY: Final = "/v1/verify"
_CHECKED: Final = (CHECK, VERIFY)

# Read once. With the default setting, an allowed check costs no more than a lookup in an empty set.
LOGGED: Container[str] = settings.LOG_CHECKS

# A longer body takes long enough to parse that other requests would notice.
MAX_LOOP_BYTES: Final = 4096

_JSON: Final = "application/json"
_ANYTHING: Final = "*/*"
_JSON_BYTES: Final = _JSON.encode()
_PLAINLY_ACCEPTED: Final = (_JSON_BYTES, _ANYTHING.encode(), b"")

log = structlog.get_logger(__name__)

# Queries run on threads, so that an unresponsive database blocks no other request of the worker. A request gets a
# thread only after the cache or a key lookup has confirmed its credential, so wrong credentials can't delay valid ones.
THREADS: Final = ThreadPool("gateway", 2, timeout_seconds=TIMEOUT_SECONDS)


async def check_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve /v1/check. A request body is read and dropped; if it is too large or too slow, the connection closes."""
    request = EndpointRequest.of(scope)
    try:
        closes = await _unread_body(scope, receive)
    except BodyCutOff:
        return
    call = call_of(scope, request)
    work = partial(check, default_authenticator(), call)
    await _respond(scope, call, send, lambda: _on_thread(call, work), closes=closes)


def verify_request(scope: Scope) -> EndpointRequest | None:
    """Return the request if it is a call of /v1/verify in its plainest form, otherwise None.

    Django handles every other form, and reports what is wrong with it.
    """
    if scope["path"] != VERIFY or scope["method"] != "POST" or scope["query_string"]:
        return None
    request = EndpointRequest.of(scope)
    content_type = request.fields.get(b"content-type", "").partition(";")[0].strip().lower()
    return request if content_type == _JSON and accepts_json(request) else None


def is_plain_verification(fields: Fields) -> bool:
    """Return whether a request with these fields sends JSON and accepts it, in the form in which clients say so."""
    sends_json, accepted = False, b""
    for name, value in fields:
        if name == b"content-type":
            if sends_json or value != _JSON_BYTES:
                return False
            sends_json = True
        elif name == b"accept":
            if accepted:
                return False
            accepted = value
        elif b"_" in name:
            # The application drops such a field.
            return False
    return sends_json and accepted in _PLAINLY_ACCEPTED


def accepts_json(request: EndpointRequest) -> bool:
    """Return whether the client accepts a JSON response."""
    accepted = request.fields.get(b"accept", _ANYTHING)
    if accepted in (_JSON, _ANYTHING):
        return True
    return any(accepts(accepted.encode("latin-1"), media_type) for media_type in (_ANYTHING, "application/*", _JSON))


async def verify_endpoint(request: EndpointRequest, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request that `verify_request` has returned. Its body has been read completely before."""
    body = (await receive())["body"]
    call = replace(call_of(scope, request), query=CALLER_QUERY)
    await _respond(scope, call, send, partial(_verify, call, body))


async def _verify(call: Call, body: bytes) -> GatewayResponse:
    """Return the response to a verification. Usually nothing has to be read, and then no thread is needed."""
    on_thread = partial(_on_thread, call)
    try:
        caller: GatewayResponse = await decide(lambda authenticator: check(authenticator, call), on_thread)
        if caller.status != 204:
            return caller
        now = timezone.now()
        if len(body) > MAX_LOOP_BYTES:
            return await THREADS.run(partial(verify_response, default_authenticator(), caller, call, body, now))
        return await decide(lambda authenticator: verify_response(authenticator, caller, call, body, now), on_thread)
    finally:
        metrics.flush()


async def _on_thread(call: Call, work: Callable[[], GatewayResponse]) -> GatewayResponse:
    """Return the result of `work` about `call`, which may read the database."""
    credential = credential_of(call)
    if metrics.loop_authenticator().is_cold(credential):
        # A wrong credential fails here, so it never occupies a thread.
        await lookups.authenticate(credential, call.address)
    return await THREADS.run(work)


async def _respond(
    scope: Scope, call: Call, send: Send, work: Callable[[], Awaitable[GatewayResponse]], *, closes: bool = False
) -> None:
    started = perf_counter()
    clear_contextvars()
    bind_contextvars(request_id=call.request_id)
    bind_contextvars(**trace_of(scope))
    parameters = CheckParameters()
    try:
        parameters = parse_check_parameters(call.query)
        response = await work()
    except Exception as error:  # noqa: BLE001 - an unexpected one is raised again
        response = error_response(problem_of(error), parameters, call)
    await send_response(response, send, closes=closes)
    if response.charged:
        record_call(response.charged, scope, is_check=scope["path"] == CHECK)
    log_access(scope, response, call.address, started)


def is_cold(call: Call) -> bool:
    """Return whether no cached record, however stale, allows the credential of the call."""
    try:
        credential = request_credential(call.credential_fields)
    except CredentialError:
        return True
    return metrics.loop_authenticator().is_cold(credential)


def problem_of(error: Exception, **more: str) -> ProblemError:
    """Return the problem for an expected error. Raise the error itself if it is unexpected."""
    problem = unavailable(error, **more) if isinstance(error, TimeoutError) else as_problem(error)
    if problem is None:
        raise error
    return problem


def unavailable(error: Exception, **more: str) -> ProblemError:
    """Log that a dependency did not respond, with the fields in `more`. Return the problem for the response (503)."""
    log_unavailable(error, **more)
    problem = ProblemError(CATALOGUE["unavailable"].title + ".")
    problem.slug = "unavailable"
    return problem


def call_of(scope: Scope, request: EndpointRequest) -> Call:
    """Return the call that a request makes."""
    fields = request.fields
    return Call(
        scope["query_string"],
        [fields.get(name) for name in LOWER_NAMES],
        request.address,
        scope["path"],
        request.request_id,
    )


def trace_of(scope: Scope) -> dict[str, str]:
    """Return the trace ID of the request as a log field, or an empty dictionary if it belongs to no trace."""
    field = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None)
    trace = parse_traceparent(field)
    return {"trace_id": trace.trace_id} if trace else {}


def is_logged(path: str, response: GatewayResponse) -> bool:
    """Return whether the request leaves a line: an allowed check or a valid verification only if LOG_CHECKS includes
    one of its keys.
    """
    logged = response.logged
    if response.status >= 300 or path not in _CHECKED or logged.get("verdict", Code.VALID) != Code.VALID:
        return True
    return logged.get("key_id") in LOGGED or logged.get("checked_key_id") in LOGGED


def log_access(scope: Scope, response: GatewayResponse, address: str, started: float, **more: str) -> None:
    """Log the request, if it is to be logged."""
    if not is_logged(scope["path"], response):
        return
    more |= response.logged
    log_request(
        method=scope["method"], path=scope["path"], status=response.status, address=address, started=started, **more
    )


async def _unread_body(scope: Scope, receive: Receive) -> bool:
    """Read and drop the body. Return whether unread bytes remain, so that the connection must close."""
    try:
        await bounded_body(scope["headers"], receive)
    except BodyCutOff:
        raise
    except (BodyTooLarge, BodyTooSlow):
        return True
    return False


async def send_response(response: GatewayResponse, send: Send, *, closes: bool = False) -> None:
    """Send the complete response."""
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.fields]
    # RFC 9110, section 8.6: a 204 response must not have a Content-Length.
    if response.status != 204:
        fields.append((b"content-length", str(len(response.body)).encode()))
    if closes:
        fields.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": fields})
    await send({"type": "http.response.body", "body": response.body})
