"""/v1/check answered at once: what came in one turn of the event loop is decided in one step of the bucket store."""

import asyncio
import re
from collections.abc import Sequence
from contextvars import Context
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Final, NamedTuple

import structlog

from apikeys.gate import Charged, Verdict, Verified
from controlplane.gateway_door import door, look_ups, metrics
from controlplane.gateway_door.door import call_of, problem_of, tell, trace_of, unavailable
from controlplane.gateway_door.look_ups import LookUp
from controlplane.gateway_door.passes import lines, passes
from controlplane.gateway_door.request import DoorRequest
from controlplane.gateway_door.rounds import Rounds
from controlplane.server.asgi_types import Fields
from controlplane.server.at_once import AtOnce, Head, Reply
from controlplane.server.response_metrics import CHECKS
from gateway.check import Answer, Call, above_burst, answer_to, credential_of, refusal
from gateway.question import Question, parse_question
from latchkey import headers
from latchkey.credentials import CREDENTIAL_PATTERN, Credential, CredentialError
from latchkey.problems import ProblemError
from latchkey.request_id import is_request_id, new_request_id
from ratelimit.bucket import CostExceedsBurst
from ratelimit.stores import BucketStoreError

# So many take far less than a millisecond in the bucket store, and a few where all are refused.
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
    """What a head asks: with which credential, None where it is not said in the plainest way, and under which request
    id, None where it brings none.
    """

    credential: Credential | None
    request_id: bytes | None
    question: Question


class Asked(NamedTuple):
    """A request that waits for its decision: a credential that memory finds right, or what is wrong about it."""

    reply: Reply
    started: float
    request_id: bytes
    question: Question
    verified: Verified | None
    error: Exception | None = None
    looked_up: bool = False


class _Late:
    """How many requests are `waiting` for their decision after a look-up: they began before others of their turn."""

    waiting = 0


class _EndOfTurn:
    """Calls `_decide` once at the end of this turn of the event loop, however many ask. In a context of its own: that
    of the request whose answer led here would give its id and its trace to what is logged about others.
    """

    def __init__(self) -> None:
        self._is_due = False

    def call_soon(self) -> None:
        """Asked for by each request of the turn."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._come, context=Context())

    def _come(self) -> None:
        self._is_due = False
        _decide()


_turn: list[Asked] = []
_ends: Final = _EndOfTurn()
_late: Final = _Late()


def _read(head: Head) -> _Reading | None:
    try:
        return _Reading(*_credential_and_id(head.fields), parse_question(head.query))
    except ProblemError:
        return None


def _ask(reading: _Reading, reply: Reply) -> bool:
    """Sees to a request for /v1/check: at the end of this turn, where memory settles it, and otherwise once the
    credential is looked up. Not where all that memory has is an old record that says yes.

    No request is answered sooner, so those behind it in a pipeline wait for it and stay within that one's bound.
    """
    verified = error = None
    request_id = reading.request_id or new_request_id().encode()
    try:
        credential = reading.credential or credential_of(_call_of(reply, reading.request_id))
        verified = metrics.loop_gate().verify_from_memory(credential)
        if verified is None:
            return _ask_for_look_up(Asked(reply, perf_counter(), request_id, reading.question, None), credential)
    except CredentialError as found:
        error = found
    _ends.call_soon()
    _turn.append(Asked(reply, perf_counter(), request_id, reading.question, verified, error))
    return True


def _ask_for_look_up(asked: Asked, credential: Credential) -> bool:
    if not metrics.loop_gate().doubts(credential):
        return False
    try:
        look_ups.ask(LookUp(partial(_read_for_look_up, asked), partial(_settle, asked)))
    except TimeoutError as error:
        _settle(asked, error)
    return True


def _read_for_look_up(asked: Asked) -> tuple[Credential, str]:
    """The credential, its checksum included, and who tries it: not before its turn, as a thousand may come together."""
    call = _call_of(asked.reply, asked.request_id)
    return credential_of(call), call.address


def _settle(asked: Asked, found: Verdict | Exception) -> None:
    """Has a request that was looked up decided at the end of this turn."""
    _ends.call_soon()
    verified, error = (None, found) if isinstance(found, Exception) else (found, None)
    _late.waiting += 1
    _turn.append(asked._replace(verified=verified, error=error, looked_up=True))


check_at_once: Final = AtOnce(_read, _ask)


def _decide() -> None:
    """Decides what this turn has asked, and answers; what is more than others may wait for, after their turn."""
    if metrics.loop_gate().store_is_remote:
        _rounds.go_on()
        return
    batch = _turn[:MOST_TOGETHER]
    del _turn[:MOST_TOGETHER]
    if _turn:
        _ends.call_soon()
    answer_all(batch, _charges(batch))


async def _decide_remotely(batch: list[Asked]) -> None:
    """A round: as `_decide`, where the bucket store is behind a network."""
    right = _right(batch)
    try:
        decisions = await metrics.loop_gate().charge_together_on_loop(right) if right else []
    except Exception:
        log.exception("not_decided_at_once")
        decisions = [None] * len(right)
    answer_all(batch, _in_place(batch, decisions))


def _charges(batch: Sequence[Asked]) -> list[Charged]:
    """What the bucket store decided of each; None where it was not asked, and for all where it fails for all."""
    right = _right(batch)
    if not right:
        return [None] * len(batch)
    try:
        return _in_place(batch, metrics.loop_gate().charge_together(right))
    except Exception:
        log.exception("not_decided_at_once")
        return [None] * len(batch)


def _right(batch: Sequence[Asked]) -> list[tuple[Verified, int]]:
    return [(asked.verified, asked.question.cost) for asked in batch if asked.verified is not None]


def _in_place(batch: Sequence[Asked], decisions: Sequence[Charged]) -> list[Charged]:
    """The decisions, each at its request's place."""
    following = iter(decisions)
    return [None if asked.verified is None else next(following) for asked in batch]


_rounds: Final = Rounds(_turn, _decide_remotely, MOST_TOGETHER)


def answer_all(batch: Sequence[Asked], charges: Sequence[Charged]) -> None:
    """Answers each request by its charge, in whatever turn of the event loop, and tells what was counted."""
    unanswered: list[Asked] = []
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


def _in_order(batch: Sequence[Asked], unanswered: Sequence[Asked]) -> list[Asked]:
    """Those of a batch that were answered here, in the order in which they began."""
    _late.waiting -= sum(asked.looked_up for asked in batch)
    answered = [asked for asked in batch if not any(asked is other for other in unanswered)]
    return sorted(answered, key=lambda asked: asked.started)


def _answer(asked: Asked, charged: Charged) -> bool:
    """Whether it was answered here. Whatever goes wrong about one request is its own matter: the others of the turn get
    their answers.
    """
    request_id = asked.request_id.decode("latin-1")
    try:
        try:
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
    # Only now: what fails after it was noted would be noted again, with the answer that says so.
    if not whole.startswith(_PASSES):
        CHECKS.other(int(whole[_STATUS]))
    return True


def _whole(asked: Asked, charged: Charged) -> bytes | None:
    """The answer; None where the application has to find it: nothing was charged then."""
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
        if door.LOGGED and asked.verified.record.auth.key_id in door.LOGGED:
            _tell_pass(asked, asked.verified.record.auth.key_id)
        return whole
    call = _call_of(asked.reply, asked.request_id)
    return _told(asked, answer_to(asked.verified, charged, asked.question, call), call)


def _tell_pass(asked: Asked, key_id: str) -> None:
    call = _call_of(asked.reply, asked.request_id)
    answer = Answer(200 if asked.question.allow_as_ok else 204, [], logged={"key_id": key_id})
    scope = asked.reply.scope
    tell(scope, answer, call.address, asked.started, request_id=call.request_id, **trace_of(scope))


def _refused(asked: Asked, error: ProblemError) -> bytes:
    call = _call_of(asked.reply, asked.request_id)
    return _told(asked, refusal(error, asked.question, call), call)


def _call_of(reply: Reply, request_id: bytes | None) -> Call:
    scope = reply.scope
    return call_of(scope, DoorRequest.of(scope, request_id))


def _told(asked: Asked, answer: Answer, call: Call) -> bytes:
    """The bytes of an answer, which gets its line in the log."""
    scope = asked.reply.scope
    status = HTTPStatus(answer.status)
    fields = [("Date", asked.reply.date.decode()), *answer.fields, ("Content-Length", str(len(answer.body)))]
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + lines(fields) + b"\r\n"
    tell(scope, answer, call.address, asked.started, request_id=call.request_id, **trace_of(scope))
    return head if scope["method"] == "HEAD" else head + answer.body


def _credential_and_id(fields: Fields) -> tuple[Credential | None, bytes | None]:
    """Both as in `_Reading`."""
    given = authorization = request_id = None
    plain = True
    for name, value in fields:
        if name == _API_KEY:
            plain, given = plain and given is None, value
        elif name == _AUTHORIZATION:
            plain, authorization = plain and authorization is None, value
        elif name == _REQUEST_ID_FIELD:
            request_id = value if request_id is None else b","
    if request_id is not None and not is_request_id(request_id.decode("latin-1")):
        request_id = None
    if authorization is not None and plain:
        plain = authorization.startswith(_BEARER)
        if given is None:
            given = authorization.removeprefix(_BEARER)
        else:  # a token of the service behind Latchkey is nothing to compare
            plain = plain and b"lk_" not in authorization and b"," not in authorization
    match = _CREDENTIAL.fullmatch(given) if given is not None and plain else None
    return Credential(match[1].decode(), match[2].decode()) if match else None, request_id
