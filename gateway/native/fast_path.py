"""Fast path of /v1/check: all requests of one event loop iteration are decided in one bucket store operation."""

import asyncio
import re
from collections.abc import Sequence
from contextvars import Context
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Final, NamedTuple

import structlog

from apikeys.authenticator import Charged, Verdict, Verified
from gateway.check import Answer, Call, above_burst, answer_to, credential_of, refusal
from gateway.native import endpoint, lookups, metrics
from gateway.native.allow_responses import lines, passes
from gateway.native.batching import Batcher
from gateway.native.endpoint import call_of, problem_of, tell, trace_of, unavailable
from gateway.native.lookups import LookUp
from gateway.native.request import EndpointRequest
from gateway.question import Question, parse_question
from httpserver.asgi_types import Fields
from httpserver.fast_path import FastPathEndpoint, Head, Reply
from httpserver.response_metrics import CHECKS
from latchkey import headers
from latchkey.credentials import CREDENTIAL_PATTERN, Credential, CredentialError
from latchkey.problems import ProblemError
from latchkey.request_id import is_request_id, new_request_id
from ratelimit.bucket import CostExceedsBurst
from ratelimit.stores import BucketStoreError

# This many take far less than a millisecond in the bucket store, or a few milliseconds if all are denied.
MOST_TOGETHER: Final = 64

_API_KEY: Final = headers.API_KEY.lower().encode()
_AUTHORIZATION: Final = b"authorization"
_BEARER: Final = b"Bearer "
_PASSES: Final = b"HTTP/1.1 204"
_STATUS: Final = slice(9, 12)
_REQUEST_ID_FIELD: Final = headers.REQUEST_ID.lower().encode()
_CREDENTIAL: Final = re.compile(CREDENTIAL_PATTERN.pattern.encode())

log = structlog.get_logger(__name__)


class _Reading(NamedTuple):
    """A parsed head: the credential, the client's request ID, and the question.

    `credential` is None if it is not given in the plainest form, and `request_id` is None if the client sent none.
    """

    credential: Credential | None
    request_id: bytes | None
    question: Question


class TakeRequest(NamedTuple):
    """A request that waits for its decision: with a verified credential, or with the error to answer."""

    reply: Reply
    started: float
    request_id: bytes
    question: Question
    verified: Verified | None
    error: Exception | None = None
    looked_up: bool = False


class _Late:
    """Number of requests that are `waiting` for a decision after a key lookup.

    They started before others of the same event loop iteration, which matters for the order of metrics.
    """

    waiting = 0


class _EndOfTurn:
    """Scheduler of one `_decide` call at the end of the event loop iteration, however many requests ask for it."""

    def __init__(self) -> None:
        self._is_due = False

    def call_soon(self) -> None:
        """Schedule the call, unless it is scheduled already."""
        if not self._is_due:
            self._is_due = True
            # An empty context: in that of the current request, log lines about other requests would get its
            # request and trace ID.
            asyncio.get_running_loop().call_soon(self._come, context=Context())

    def _come(self) -> None:
        self._is_due = False
        _decide()


_turn: list[TakeRequest] = []
_ends: Final = _EndOfTurn()
_late: Final = _Late()


def _read(head: Head) -> _Reading | None:
    try:
        return _Reading(*_credential_and_id(head.fields), parse_question(head.query))
    except ProblemError:
        return None


def _ask(reading: _Reading, reply: Reply) -> bool:
    """Accept a request for /v1/check. Return False if the application must handle it instead.

    It is decided at the end of this event loop iteration if a cached record is enough, and otherwise after a key
    lookup. If the cache only has a stale record that allows the credential, return False.

    No request is answered before this function returns, so requests behind it in a pipeline wait for it.
    """
    verified = error = None
    request_id = reading.request_id or new_request_id().encode()
    try:
        credential = reading.credential or credential_of(_call_of(reply, reading.request_id))
        verified = metrics.loop_authenticator().verify_from_memory(credential)
        if verified is None:
            return _ask_for_look_up(TakeRequest(reply, perf_counter(), request_id, reading.question, None), credential)
    except CredentialError as found:
        error = found
    _ends.call_soon()
    _turn.append(TakeRequest(reply, perf_counter(), request_id, reading.question, verified, error))
    return True


def _ask_for_look_up(asked: TakeRequest, credential: Credential) -> bool:
    if not metrics.loop_authenticator().doubts(credential):
        return False
    try:
        # The checksum is verified only when the lookup starts, because a thousand requests may arrive together.
        lookups.ask(LookUp(partial(_read_for_look_up, asked), partial(_settle, asked)))
    except TimeoutError as error:
        _settle(asked, error)
    return True


def _read_for_look_up(asked: TakeRequest) -> tuple[Credential, str]:
    """Return the credential, after checking its checksum, and the client's address."""
    call = _call_of(asked.reply, asked.request_id)
    return credential_of(call), call.address


def _settle(asked: TakeRequest, found: Verdict | Exception) -> None:
    """Queue a request for decision at the end of this event loop iteration, with the result of its key lookup."""
    _ends.call_soon()
    verified, error = (None, found) if isinstance(found, Exception) else (found, None)
    _late.waiting += 1
    _turn.append(asked._replace(verified=verified, error=error, looked_up=True))


check_at_once: Final = FastPathEndpoint(_read, _ask)


def _decide() -> None:
    """Decide and answer up to MOST_TOGETHER requests of this iteration. Leave the rest to the next iteration."""
    if metrics.loop_authenticator().store_is_remote:
        _rounds.go_on()
        return
    batch = _turn[:MOST_TOGETHER]
    del _turn[:MOST_TOGETHER]
    if _turn:
        _ends.call_soon()
    answer_all(batch, _charges(batch))


async def _decide_remotely(batch: list[TakeRequest]) -> None:
    """Decide and answer one batch with a remote bucket store."""
    right = _right(batch)
    try:
        decisions = await metrics.loop_authenticator().charge_together_on_loop(right) if right else []
    except Exception:
        log.exception("not_decided_at_once")
        decisions = [None] * len(right)
    answer_all(batch, _in_place(batch, decisions))


def _charges(batch: Sequence[TakeRequest]) -> list[Charged]:
    """Return the bucket store's decisions, in the order of `batch`.

    A decision is None if the request has no verified credential. If the whole operation fails, all of them are
    None, and the application decides.
    """
    right = _right(batch)
    if not right:
        return [None] * len(batch)
    try:
        return _in_place(batch, metrics.loop_authenticator().charge_together(right))
    except Exception:
        log.exception("not_decided_at_once")
        return [None] * len(batch)


def _right(batch: Sequence[TakeRequest]) -> list[tuple[Verified, int]]:
    return [(asked.verified, asked.question.cost) for asked in batch if asked.verified is not None]


def _in_place(batch: Sequence[TakeRequest], decisions: Sequence[Charged]) -> list[Charged]:
    """Return the decisions, aligned with the requests of `batch`."""
    following = iter(decisions)
    return [None if asked.verified is None else next(following) for asked in batch]


_rounds: Final = Batcher(_turn, _decide_remotely, MOST_TOGETHER)


def answer_all(batch: Sequence[TakeRequest], charges: Sequence[Charged]) -> None:
    """Answer each request according to its charge, then flush the buffered metrics.

    It may run in any event loop iteration.
    """
    unanswered: list[TakeRequest] = []
    try:
        for asked, charged in zip(batch, charges, strict=True):
            if not _answer(asked, charged):
                unanswered.append(asked)
    finally:
        if _late.waiting or unanswered:
            batch = _in_order(batch, unanswered)
        if batch:
            CHECKS.answered(batch, perf_counter())
        metrics.tell()


def _in_order(batch: Sequence[TakeRequest], unanswered: Sequence[TakeRequest]) -> list[TakeRequest]:
    """Return the requests of the batch that were answered here, sorted by their start."""
    _late.waiting -= sum(asked.looked_up for asked in batch)
    answered = [asked for asked in batch if not any(asked is other for other in unanswered)]
    return sorted(answered, key=lambda asked: asked.started)


def _answer(asked: TakeRequest, charged: Charged) -> bool:
    """Answer one request. Return whether it was answered here."""
    request_id = asked.request_id.decode("latin-1")
    try:
        try:
            # A failure must not affect the other requests of the batch, so every exception is handled per request.
            whole = _whole(asked, charged)
        except Exception:
            log.exception("request_failed", request_id=request_id)
            whole = _refused(asked, ProblemError("The request could not be completed."))
        if whole is None:
            asked.reply.pass_on()
            return False
        asked.reply.answer(whole)
    except Exception:
        log.exception("answer_not_sent", request_id=request_id)
        asked.reply.give_up()
        return False
    # Count only after the response was sent: if sending fails, the request is not counted as answered.
    if not whole.startswith(_PASSES):
        CHECKS.other(int(whole[_STATUS]))
    return True


def _whole(asked: TakeRequest, charged: Charged) -> bytes | None:
    """Return the complete response, or None if the application must answer. In that case no token was taken."""
    if asked.error is not None:
        return _refused(asked, problem_of(asked.error, request_id=asked.request_id.decode("latin-1")))
    if charged is None or asked.verified is None:
        return None
    if isinstance(charged, CostExceedsBurst):
        return _refused(asked, above_burst())
    if isinstance(charged, BucketStoreError):
        return _refused(asked, unavailable(charged, request_id=asked.request_id.decode("latin-1")))
    whole = passes(asked.verified, charged, asked.question, asked.request_id, asked.reply.date)
    if whole is not None:
        if endpoint.LOGGED and asked.verified.record.auth.key_id in endpoint.LOGGED:
            _tell_pass(asked, asked.verified.record.auth.key_id)
        return whole
    call = _call_of(asked.reply, asked.request_id)
    return _told(asked, answer_to(asked.verified, charged, asked.question, call), call)


def _tell_pass(asked: TakeRequest, key_id: str) -> None:
    call = _call_of(asked.reply, asked.request_id)
    answer = Answer(200 if asked.question.allow_as_ok else 204, [], logged={"key_id": key_id})
    scope = asked.reply.scope
    tell(scope, answer, call.address, asked.started, request_id=call.request_id, **trace_of(scope))


def _refused(asked: TakeRequest, error: ProblemError) -> bytes:
    call = _call_of(asked.reply, asked.request_id)
    return _told(asked, refusal(error, asked.question, call), call)


def _call_of(reply: Reply, request_id: bytes | None) -> Call:
    scope = reply.scope
    return call_of(scope, EndpointRequest.of(scope, request_id))


def _told(asked: TakeRequest, answer: Answer, call: Call) -> bytes:
    """Return the complete response as bytes, and log the request."""
    scope = asked.reply.scope
    status = HTTPStatus(answer.status)
    fields = [("Date", asked.reply.date.decode()), *answer.fields, ("Content-Length", str(len(answer.body)))]
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + lines(fields) + b"\r\n"
    tell(scope, answer, call.address, asked.started, request_id=call.request_id, **trace_of(scope))
    return head if scope["method"] == "HEAD" else head + answer.body


def _credential_and_id(fields: Fields) -> tuple[Credential | None, bytes | None]:
    """Return the credential and the request ID, each as described in `_Reading`."""
    given = authorization = request_id = None
    plain = True
    for name, value in fields:
        if name == _API_KEY:
            plain, given = plain and given is None, value
        elif name == _AUTHORIZATION:
            plain, authorization = plain and authorization is None, value
        elif name == _REQUEST_ID_FIELD:
            # Two request IDs make an invalid one: "," is not allowed in it, so the check below drops it.
            request_id = value if request_id is None else b","
    if request_id is not None and not is_request_id(request_id.decode("latin-1")):
        request_id = None
    if authorization is not None and plain:
        plain = authorization.startswith(_BEARER)
        if given is None:
            given = authorization.removeprefix(_BEARER)
        else:
            # Authorization may belong to the service behind Latchkey, and then X-API-Key alone counts. If it could
            # hold a Latchkey credential too, `credential_from_headers` has to compare the two.
            plain = plain and b"lk_" not in authorization and b"," not in authorization
    match = _CREDENTIAL.fullmatch(given) if given is not None and plain else None
    return Credential(match[1].decode(), match[2].decode()) if match else None, request_id
