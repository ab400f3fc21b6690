"""/v1/verify: verifies a credential that a service received, after the same authentication as every call by a key."""

import json
from datetime import datetime
from typing import Final

from apikeys.authenticator import Authenticator
from apikeys.errors import MalformedRequest
from gateway.check import NO_STORE, Answer, Call, check, refusal
from gateway.question import Question
from gateway.verdict import judge
from latchkey import headers
from latchkey.problems import ProblemError
from latchkey.strict_json import MalformedJSON, loads

# The calling service needs this scope, and pays the default cost of one token.
ASKING: Final = b"scope=verify"
_ABOUT_THE_LIMIT: Final = ("ratelimit", "x-ratelimit-")


def verify(gate: Authenticator, call: Call, body: bytes, now: datetime) -> Answer:
    """Return the response to a call whose `query` is ASKING.

    Raise the database's or bucket store's exception if it does not answer.
    """
    asker = check(gate, call)
    if asker.status != 204:
        return asker
    limit = [field for field in asker.fields if field[0].lower().startswith(_ABOUT_THE_LIMIT)]
    try:
        verdict = judge(gate, _decoded(body), call.address, now)
    except ProblemError as error:
        refused = refusal(error, Question(), call)
        return Answer(refused.status, [*limit, *refused.fields], refused.body, asker.logged)
    fields = [*limit, NO_STORE, ("Content-Type", "application/json"), (headers.REQUEST_ID, call.request_id)]
    body = json.dumps(verdict.as_json(), separators=(",", ":")).encode()
    return Answer(200, fields, body, {**asker.logged, **verdict.logged})


def _decoded(body: bytes) -> object:
    if not body:
        return {}
    try:
        return loads(body)
    except MalformedJSON as error:
        raise MalformedRequest(str(error)) from None
