"""/v1/check answered at once: what came in one turn of the event loop is decided in one step of the bucket store."""

import asyncio
import re
from http import HTTPStatus
from time import perf_counter
from typing import Final, NamedTuple

import structlog

from apikeys.gate import Verified
from controlplane.gateway_door import metrics
from controlplane.gateway_door.door import call_of, tell
from controlplane.gateway_door.passes import lines, passes
from controlplane.gateway_door.request import DoorRequest
from controlplane.server.asgi_types import Fields, Scope
from controlplane.server.at_once import Reply
from gateway.check import Answer, above_burst, answer_to, credential_of, refusal
from gateway.question import Question, parse_question
from latchkey import headers
from latchkey.credentials import CREDENTIAL_PATTERN, Credential, CredentialError
from latchkey.problems import ProblemError
from latchkey.request_id import PATTERN, new_request_id
from ratelimit.bucket import CostExceedsBurst
from ratelimit.decision import Decision

# A transaction over so many stays far below the millisecond for which others may have to wait.
MOST_TOGETHER: Final = 256

_API_KEY: Final = headers.API_KEY.lower().encode()
_AUTHORIZATION: Final = b"authorization"
_BEARER: Final = b"Bearer "
_REQUEST_ID_FIELD: Final = headers.REQUEST_ID.lower().encode()
_CREDENTIAL: Final = re.compile(CREDENTIAL_PATTERN.pattern.encode())
_REQUEST_ID: Final = re.compile(PATTERN.pattern.encode())

log = structlog.get_logger(__name__)


class _Asked(NamedTuple):
    scope: Scope
    reply: Reply
    verified: Verified
    question: Question
    request_id: bytes


class _HasBody(Exception):
    """The request has a body, which is for the application to drop."""


_turn: list[_Asked] = []


def check_at_once(scope: Scope, reply: Reply) -> bool:
    """Answers /v1/check without the database: what memory allows at the end of this turn, what is no credential now."""
    try:
        credential, request_id = _read(scope["headers"])
        question = parse_question(scope["query_string"])
        if credential is None:
            credential = credential_of(call_of(scope, DoorRequest.of(scope)))
    except CredentialError as error:
        _refuse(scope, reply, error, parse_question(scope["query_string"]))
        return True
    except (_HasBody, ProblemError):
        return False
    verified = metrics.loop_gate().verify_from_memory(credential)
    if verified is None:
        return False
    if not _turn:
        asyncio.get_running_loop().call_soon(_decide)
    _turn.append(_Asked(scope, reply, verified, question, request_id))
    return True


def _decide() -> None:
    """Decides what this turn has asked, and answers."""
    while _turn:
        together = _turn[:MOST_TOGETHER]
        del _turn[:MOST_TOGETHER]
        try:
            decisions = metrics.loop_gate().charge_together([(it.verified, it.question.cost) for it in together])
        except Exception:
            log.exception("not_decided_at_once")
            decisions = [None] * len(together)
        for asked, decision in zip(together, decisions, strict=True):
            _answer(asked, decision)
    metrics.tell()


def _answer(asked: _Asked, decision: Decision | CostExceedsBurst | None) -> None:
    scope, reply, verified, question, request_id = asked
    if decision is None:
        reply.pass_on()
    elif isinstance(decision, CostExceedsBurst):
        _refuse(scope, reply, above_burst(), question)
    else:
        whole = passes(verified, decision, question.scopes, request_id, reply.date)
        if whole is None:
            call = call_of(scope, DoorRequest.of(scope, request_id))
            _send(scope, reply, answer_to(verified, decision, question, call), call.address, call.request_id)
        else:
            reply.answer(whole)


def _refuse(scope: Scope, reply: Reply, error: ProblemError, question: Question) -> None:
    call = call_of(scope, DoorRequest.of(scope))
    _send(scope, reply, refusal(error, question, call), call.address, call.request_id)


def _send(scope: Scope, reply: Reply, answer: Answer, address: str, request_id: str) -> None:
    status = HTTPStatus(answer.status)
    fields = [("Date", reply.date.decode()), *answer.fields, ("Content-Length", str(len(answer.body)))]
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + lines(fields) + b"\r\n"
    reply.answer(head if scope["method"] == "HEAD" else head + answer.body)
    tell(scope, answer, address, perf_counter(), request_id=request_id)


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
