"""Fast path of /v1/verify: a verification that has to wait for nothing is decided as soon as its body has arrived."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial
from time import perf_counter
from typing import Final, NamedTuple

import structlog
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from apikeys.authenticator import Authenticator, default_authenticator
from apikeys.callers.recorder import CALLERS
from gateway.calls import Call, GatewayResponse, error_response
from gateway.check import response_to
from gateway.check_parameters import CheckParameters, parse_check_parameters
from gateway.native import endpoint, metrics
from gateway.native.allow_responses import response_head
from gateway.native.callers import caller_of_scope
from gateway.native.check_head import credential_and_request_id
from gateway.native.endpoint import (
    MAX_LOOP_BYTES,
    VERIFY,
    is_logged,
    is_plain_verification,
    log_access,
    problem_of,
    trace_of,
)
from gateway.native.loop_authenticator import LoopAuthenticator, NeedsThread
from gateway.native.request import EndpointRequest
from gateway.native.verify import CALLER_QUERY, CALLER_SCOPE, verify_response
from httpserver.fast_path import FastPathEndpoint, Head, Reply
from httpserver.response_metrics import VERIFY_RESPONSES
from latchkey.credentials import Credential
from latchkey.problems import ProblemError
from latchkey.request_id import new_request_id
from ratelimit.costs import ONE
from ratelimit.headers import rate_limit_headers
from ratelimit.limit import CostExceedsBurst
from ratelimit.stores import BucketStoreError

_PARAMETERS: Final = parse_check_parameters(CALLER_QUERY)

log = structlog.get_logger(__name__)

# The event loop holds no strong reference to a task.
_tasks: Final[set[asyncio.Task[None]]] = set()


class VerifyHead(NamedTuple):
    """A parsed head: the credential of the calling service, and the request ID if it sent one."""

    credential: Credential
    request_id: bytes | None


class _Verification(NamedTuple):
    """A verification that has been accepted: the call, the service that makes it, and when it began."""

    reply: Reply
    call: Call
    caller: GatewayResponse
    started: float


def _parse(head: Head) -> VerifyHead | None:
    """Return the parsed head, or None if the application must handle the request."""
    if head.method != "POST" or head.query or not is_plain_verification(head.fields):
        return None
    credential, request_id = credential_and_request_id(head.fields)
    return None if credential is None else VerifyHead(credential, request_id)


def _accept(head: VerifyHead, reply: Reply) -> bool:
    """Accept a request for /v1/verify, and charge the calling service. Return False if the application must handle it
    instead: then nothing was taken.
    """
    started = perf_counter()
    authenticator = LoopAuthenticator(metrics.loop_authenticator())
    if authenticator.waits_for_store:
        return False
    try:
        verified = authenticator.reauthenticate(head.credential, refresh=False)
        if not verified.record.auth.allows(CALLER_SCOPE):
            return False
        verified, decision = authenticator.charge(verified, None, ONE)
    except (NeedsThread, ProblemError, CostExceedsBurst, BucketStoreError):
        return False
    request_id = (head.request_id or new_request_id().encode()).decode()
    # What is read from the scope is needed for a denial only.
    call = Call(CALLER_QUERY, (), "", VERIFY, request_id)
    if decision.allowed:
        key_id = verified.record.auth.key_id
        caller = GatewayResponse(204, rate_limit_headers(decision), logged={"key_id": key_id}, charged=key_id)
    else:
        caller = response_to(verified, decision, _PARAMETERS, call)
    _decide(_Verification(reply, call, caller, started), authenticator)
    metrics.flush()
    return True


VERIFY_FAST_PATH: Final = FastPathEndpoint(_parse, _accept, MAX_LOOP_BYTES)


def _decide(pending: _Verification, authenticator: LoopAuthenticator) -> None:
    """Respond to a verification, on a thread if something has to be read first."""
    if pending.caller.status != 204:
        _send(pending, pending.caller)
        return
    work = partial(
        verify_response, caller=pending.caller, call=pending.call, body=pending.reply.body, now=timezone.now()
    )
    try:
        response = work(authenticator)
    except NeedsThread:
        # The calling service has paid, so the application can't start over.
        task = asyncio.get_running_loop().create_task(_decide_on_thread(pending, work), context=Context())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return
    except Exception as error:  # noqa: BLE001 - it becomes a response
        response = _failed(pending, error)
    _send(pending, response)


async def _decide_on_thread(pending: _Verification, work: Callable[[Authenticator], GatewayResponse]) -> None:
    # What is logged meanwhile belongs to this request: the task has a context of its own.
    bind_contextvars(request_id=pending.call.request_id, **trace_of(pending.reply.scope))
    try:
        response = await endpoint.THREADS.run(partial(work, default_authenticator()))
    except Exception as error:  # noqa: BLE001 - it becomes a response
        response = _failed(pending, error)
    _send(pending, response)


def _failed(pending: _Verification, error: Exception) -> GatewayResponse:
    """Return the response to a verification that could not be decided, and log why."""
    request_id = pending.call.request_id
    try:
        problem = problem_of(error, request_id=request_id)
    except Exception:
        log.exception("request_failed", request_id=request_id)
        problem = ProblemError("The request could not be completed.")
    return error_response(problem, CheckParameters(), pending.call)


def _send(pending: _Verification, response: GatewayResponse) -> None:
    """Send the response, then count and log the request."""
    reply, request_id = pending.reply, pending.call.request_id
    try:
        reply.respond(response_head(response, reply.date) + response.body)
    except Exception:
        log.exception("answer_not_sent", request_id=request_id)
        reply.abort()
        return
    if response.status != 200:
        VERIFY_RESPONSES.record_status(response.status)
    VERIFY_RESPONSES.record_batch((pending,), perf_counter())
    if response.charged:
        CALLERS.record(response.charged, lambda: caller_of_scope(reply.scope, is_check=False))
    if is_logged(VERIFY, response):
        scope = reply.scope
        address = EndpointRequest.of(scope).address
        log_access(scope, response, address, pending.started, request_id=request_id, **trace_of(scope))
