"""/v1/check answered at once: what came in one turn of the event loop is decided in one step of the bucket store."""

import asyncio
import re
from http import HTTPStatus
from time import perf_counter
from typing import Final, NamedTuple

import structlog

from apikeys.gate import Charged, Verified
from controlplane.gateway_door import metrics
from controlplane.gateway_door.door import call_of, tell, trace_of, unavailable
from controlplane.gateway_door.passes import lines, passes
from controlplane.gateway_door.request import DoorRequest
from controlplane.server.asgi_types import Fields, Scope
from controlplane.server.at_once import Reply
from gateway.check import Answer, Call, above_burst, answer_to, credential_of, refusal
from gateway.question import Question, parse_question
from latchkey import headers
from latchkey.credentials import CREDENTIAL_PATTERN, Credential, CredentialError
from latchkey.problems import ProblemError
from latchkey.request_id import PATTERN, new_request_id
from ratelimit.bucket import CostExceedsBurst
from ratelimit.stores import BucketStoreError

# So many take far less than a millisecond in the bucket store, and a few where all are refused.
MOST_TOGETHER: Final = 64

_API_KEY: Final = headers.API_KEY.lower().encode()
_AUTHORIZATION: Final = b"authorization"
_BEARER: Final = b"Bearer "
_REQUEST_ID_FIELD: Final = headers.REQUEST_ID.lower().encode()
_CREDENTIAL: Final = re.compile(CREDENTIAL_PATTERN.pattern.encode())
_REQUEST_ID: Final = re.compile(PATTERN.pattern.encode())

log = structlog.get_logger(__name__)


class _Asked(NamedTuple):
    """A request of this turn: of a credential that memory finds right, or with what is wrong about it."""

    scope: Scope
    reply: Reply
    started: float
    request_id: bytes
    question: Question
    verified: Verified | None
    error: ProblemError | None = None


class _HasBody(Exception):
    """The request has a body, which is for the application to drop."""


_turn: list[_Asked] = []


def check_at_once(scope: Scope, reply: Reply) -> bool:
    """Sees to a request for /v1/check at the end of this turn, where memory settles it.

    No request is answered sooner, so those behind it in a pipeline wait for it and stay within that one's bound.
    """
    try:
        credential, request_id = _read(scope["headers"])
        question = parse_question(scope["query_string"])
    except (_HasBody, ProblemError):
        return False
    verified = error = None
    try:
        credential = credential or credential_of(call_of(scope, DoorRequest.of(scope)))
        verified = metrics.loop_gate().verify_from_memory(credential)
        if verified is None:
            return False
    except CredentialError as found:
        error = found
    if not _turn:
        asyncio.get_running_loop().call_soon(_decide)
    _turn.append(_Asked(scope, reply, perf_counter(), request_id, question, verified, error))
    return True


def _decide() -> None:
    """Decides what this turn has asked, and answers; what is more than others may wait for, after their turn."""
    together = _turn[:MOST_TOGETHER]
    del _turn[:MOST_TOGETHER]
    if _turn:
        asyncio.get_running_loop().call_soon(_decide)
    try:
        decisions = _charged(together)
        for place, asked in enumerate(together):
            _answer(asked, decisions.get(place))
    finally:
        metrics.tell()


def _charged(together: list[_Asked]) -> dict[int, Charged]:
    """What the bucket store decided of each, by its place; nothing where it fails for all."""
    right = [(place, it.verified, it.question.cost) for place, it in enumerate(together) if it.verified is not None]
    if not right:
        return {}
    try:
        charged = metrics.loop_gate().charge_together([(verified, cost) for _, verified, cost in right])
    except Exception:
        log.exception("not_decided_at_once")
        return {}
    return {place: decision for (place, _, _), decision in zip(right, charged, strict=True)}


def _answer(asked: _Asked, charged: Charged) -> None:
    """Whatever goes wrong about one request is its own matter: the others of the turn get their answers."""
    try:
        whole = _whole(asked, charged)
    except Exception:
        log.exception("request_failed")
        whole = _refused(asked, ProblemError("The request could not be completed."))
    if whole is None:
        asked.reply.pass_on()
    else:
        asked.reply.answer(whole)


def _whole(asked: _Asked, charged: Charged) -> bytes | None:
    """The answer; None where the application has to find it: nothing was charged then."""
    if asked.error is not None:
        return _refused(asked, asked.error)
    if charged is None or asked.verified is None:
        return None
    if isinstance(charged, CostExceedsBurst):
        return _refused(asked, above_burst())
    if isinstance(charged, BucketStoreError):
        return _refused(asked, unavailable(charged))
    whole = passes(asked.verified, charged, asked.question, asked.request_id, asked.reply.date)
    if whole is not None:
        return whole
    call = call_of(asked.scope, DoorRequest.of(asked.scope, asked.request_id))
    return _told(asked, answer_to(asked.verified, charged, asked.question, call), call)


def _refused(asked: _Asked, error: ProblemError) -> bytes:
    call = call_of(asked.scope, DoorRequest.of(asked.scope, asked.request_id))
    return _told(asked, refusal(error, asked.question, call), call)


def _told(asked: _Asked, answer: Answer, call: Call) -> bytes:
    """The bytes of an answer, which gets its line in the log."""
    status = HTTPStatus(answer.status)
    fields = [("Date", asked.reply.date.decode()), *answer.fields, ("Content-Length", str(len(answer.body)))]
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + lines(fields) + b"\r\n"
    tell(asked.scope, answer, call.address, asked.started, request_id=call.request_id, **trace_of(asked.scope))
    return head if asked.scope["method"] == "HEAD" else head + answer.body


def _read(fields: Fields) -> tuple[Credential | None, bytes]:
    """The credential, None where it is not said in the plainest way, and the request id. Raises _HasBody."""
    given = request_id = None
    plain = True
    for name, value in fields:
        if name == _API_KEY:
            plain, given = given is None, value
        elif name == _AUTHORIZATION:
            plain, given = given is None and value.startswith(_BEARER), value.removeprefix(_BEARER)
        elif name == _REQUEST_ID_FIELD:
            request_id = value if request_id is None else b","
        elif name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            raise _HasBody
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = new_request_id().encode()
    match = _CREDENTIAL.fullmatch(given) if given is not None and plain else None
    return Credential(match[1].decode(), match[2].decode()) if match else None, request_id
