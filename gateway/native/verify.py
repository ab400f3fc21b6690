"""Native response to /v1/verify. The calling service is authenticated and charged like every caller."""

import json
from datetime import datetime
from typing import Final

from apikeys.errors import MalformedRequest
from gateway.calls import Call, GatewayResponse, error_response
from gateway.check_parameters import CheckParameters
from gateway.deciding import DecidingAuthenticator
from gateway.verify import evaluate, record_service
from latchkey import headers
from latchkey.headers import NO_STORE
from latchkey.problems import ProblemError
from latchkey.strict_json import MalformedJSON, loads

# The calling service needs this scope, and pays the default cost of one token.
CALLER_SCOPE: Final = "verify"
CALLER_QUERY: Final = b"scope=verify"
_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_ABOUT_THE_LIMIT: Final = ("ratelimit", "x-ratelimit-")


def verify_response(
    authenticator: DecidingAuthenticator, caller: GatewayResponse, call: Call, body: bytes, now: datetime
) -> GatewayResponse:
    """Return the response to a call whose `query` is CALLER_QUERY, and which `check` has allowed with `caller`.

    Raise the database's or bucket store's exception if it does not answer.
    """
    limit = [field for field in caller.fields if field[0].lower().startswith(_ABOUT_THE_LIMIT)]
    try:
        result = evaluate(authenticator, _decoded(body), now)
    except ProblemError as error:
        rejected = error_response(error, CheckParameters(), call)
        body, fields = rejected.body, [*limit, *rejected.fields]
        return GatewayResponse(rejected.status, fields, body, caller.logged, caller.charged)
    fields = [
        *limit,
        NO_STORE,
        ("Content-Type", "application/json"),
        (headers.REQUEST_ID, call.request_id),
    ]
    body = _JSON.encode(result.as_json()).encode()
    record_service(result, caller.charged)
    return GatewayResponse(200, fields, body, {**caller.logged, **result.logged}, caller.charged)


def _decoded(body: bytes) -> object:
    if not body:
        return {}
    try:
        return loads(body)
    except MalformedJSON as error:
        raise MalformedRequest(str(error)) from None
