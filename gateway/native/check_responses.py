"""Responses to the checks of a batch on the fast path: each is sent, logged and counted."""

from collections.abc import Sequence
from time import perf_counter
from typing import Final, TypeGuard

import structlog

from apikeys.batch_charging import ChargeResult
from apikeys.callers.countdown import Countdown
from apikeys.callers.recorder import CALLERS
from gateway.calls import Call, GatewayResponse, error_response
from gateway.check import above_limit, response_to
from gateway.native import endpoint, metrics
from gateway.native.allow_responses import allow_response, precomputed_of, response_head
from gateway.native.callers import caller_of_scope
from gateway.native.endpoint import log_access, problem_of, trace_of, unavailable
from gateway.native.pending_check import OutdatedCheck, PendingCheck, call_of_reply
from httpserver.fast_path import Reply
from httpserver.response_metrics import CHECK_RESPONSES
from latchkey.problems import ProblemError
from ratelimit.claim import PolicyOutdated
from ratelimit.limit import CostExceedsBurst
from ratelimit.stores import BucketStoreError

_NO_CONTENT: Final = b"HTTP/1.1 204"
_STATUS: Final = slice(9, 12)

log = structlog.get_logger(__name__)


class _Delayed:
    """Number of requests that are `waiting` for a decision after a key lookup, or after the policies were read.

    They started before others of the same event loop iteration, which matters for the order of metrics.
    """

    waiting = 0


delayed: Final = _Delayed()


def respond_all(batch: Sequence[PendingCheck], charges: Sequence[ChargeResult]) -> list[OutdatedCheck]:
    """Respond to each request according to its charge, then flush the buffered metrics. Return those that can't be
    decided before newer policies are read.

    It may run in any event loop iteration.
    """
    unanswered: list[PendingCheck] = []
    outdated: list[OutdatedCheck] = []
    try:
        for pending, charge in zip(batch, charges):  # noqa: B905 - faster
            if not _respond(pending, charge):
                unanswered.append(pending)
                if _waits(charge, pending):
                    outdated.append((pending, charge.newest))
    finally:
        if delayed.waiting or unanswered:
            batch = _in_order(batch, unanswered)
        if batch:
            CHECK_RESPONSES.record_batch(batch, perf_counter())
        metrics.flush()
    return outdated


def _waits(charge: ChargeResult, pending: PendingCheck) -> TypeGuard[PolicyOutdated]:
    """Return whether the request is to be decided again after the policies have been read."""
    return isinstance(charge, PolicyOutdated) and not pending.waited


def _in_order(batch: Sequence[PendingCheck], unanswered: Sequence[PendingCheck]) -> list[PendingCheck]:
    """Return the requests of the batch that were answered here, sorted by their start."""
    delayed.waiting -= sum(pending.is_late for pending in batch)
    answered = [pending for pending in batch if not any(pending is other for other in unanswered)]
    return sorted(answered, key=lambda pending: pending.started)


def _respond(pending: PendingCheck, charge: ChargeResult) -> bool:
    """Respond to one request, or hand it to the application. Return whether it was answered here."""
    request_id = pending.request_id.decode("latin-1")
    try:
        try:
            # A failure must not affect the other requests of the batch, so every exception is handled per request.
            response = _response(pending, charge)
        except Exception:
            log.exception("request_failed", request_id=request_id)
            response = _error_response(pending, ProblemError("The request could not be completed."))
        if response is None:
            if not _waits(charge, pending):
                pending.reply.delegate()
            return False
        pending.reply.respond(response)
    except Exception:
        log.exception("answer_not_sent", request_id=request_id)
        pending.reply.abort()
        return False
    # Count only after the response was sent: if sending fails, the request is not counted as answered.
    if not response.startswith(_NO_CONTENT):
        CHECK_RESPONSES.record_status(int(response[_STATUS]))
    return True


def _response(pending: PendingCheck, charge: ChargeResult) -> bytes | None:
    """Return the complete response, or None if the application must respond. In that case no token was taken."""
    if pending.error is not None:
        error = problem_of(pending.error, request_id=pending.request_id.decode("latin-1"))
        return _error_response(pending, error)
    if charge is None or pending.verified is None or isinstance(charge, PolicyOutdated):
        return None
    if isinstance(charge, CostExceedsBurst):
        return _error_response(pending, above_limit(charge))
    if isinstance(charge, BucketStoreError):
        return _error_response(pending, unavailable(charge, request_id=pending.request_id.decode("latin-1")))
    precomputed = precomputed_of(pending.verified.record)
    countdown = precomputed.countdown
    countdown.left -= 1
    if countdown.left < 0:
        _sample_caller(pending.verified.credential.key_id, countdown, pending.reply)
    response = allow_response(precomputed, charge, pending.parameters, pending.request_id, pending.reply.date)
    if response is not None:
        if endpoint.LOGGED and pending.verified.record.auth.key_id in endpoint.LOGGED:
            _log_allowed(pending, pending.verified.record.auth.key_id)
        return response
    call = call_of_reply(pending.reply, pending.request_id)
    return _logged_response(pending, response_to(pending.verified, charge, pending.parameters, call), call)


def _sample_caller(key_id: str, countdown: Countdown, reply: Reply) -> None:
    # Not in `_response`: a variable that a closure uses makes every access to it slower.
    CALLERS.sample(key_id, countdown, lambda: caller_of_scope(reply.scope, is_check=True))


def _log_allowed(pending: PendingCheck, key_id: str) -> None:
    call = call_of_reply(pending.reply, pending.request_id)
    response = GatewayResponse(200 if pending.parameters.allow_as_ok else 204, [], logged={"key_id": key_id})
    scope = pending.reply.scope
    log_access(scope, response, call.address, pending.started, request_id=call.request_id, **trace_of(scope))


def _error_response(pending: PendingCheck, error: ProblemError) -> bytes:
    call = call_of_reply(pending.reply, pending.request_id)
    return _logged_response(pending, error_response(error, pending.parameters, call), call)


def _logged_response(pending: PendingCheck, response: GatewayResponse, call: Call) -> bytes:
    """Return the complete response as bytes, and log the request."""
    scope = pending.reply.scope
    head = response_head(response, pending.reply.date)
    log_access(scope, response, call.address, pending.started, request_id=call.request_id, **trace_of(scope))
    return head if scope["method"] == "HEAD" else head + response.body
