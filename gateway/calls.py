"""Calls of the gateway API and the responses to them, as the native endpoints and Django's views share them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings

from apikeys.errors import RefusedCredential
from gateway.check_parameters import CheckParameters
from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE, ProblemError, problem_body_of, problem_headers
from ratelimit.decision import Decision
from ratelimit.headers import rate_limit_headers

# Statuses that nginx passes on to its client unchanged (`deny=403`), and statuses that are mapped to 403 for it.
# Server errors and the operator's own mistakes are never mapped: they must not look like the client's fault.
_PASSED_ON: Final = (401, 403)
_OF_THE_CLIENT: Final = (400, 429)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the query, the values of the fields that CREDENTIAL_HEADERS names, and the client's address."""

    query: bytes
    credential_fields: Sequence[str | None]
    address: str
    path: str
    request_id: str


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """The response to a call. `logged` are the log fields about the key.

    `charged` is the ID of the calling key if it was authenticated and charged, and otherwise empty.
    """

    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""
    logged: Mapping[str, str] = field(default_factory=dict)
    charged: str = ""


def error_response(
    error: ProblemError,
    parameters: CheckParameters,
    call: Call,
    *,
    decision: Decision | None = None,
    logged: Mapping[str, str] | None = None,
    charged: str = "",
) -> GatewayResponse:
    """Return the problem response for `error`."""
    status = CATALOGUE[error.slug].status
    body = problem_body_of(error, instance=call.path, request_id=call.request_id, public_url=settings.PUBLIC_URL)
    fields = dict([*(rate_limit_headers(decision) if decision else ()), *problem_headers(error)])
    fields |= {"Content-Type": MEDIA_TYPE, "X-Content-Type-Options": "nosniff", headers.REQUEST_ID: call.request_id}
    if parameters.deny_as_forbidden and status in (*_PASSED_ON, *_OF_THE_CLIENT):
        # nginx (auth_request) drops the body. It builds an equivalent one from these fields.
        fields |= {headers.LATCHKEY_STATUS: str(status), headers.LATCHKEY_PROBLEM: error.slug}
        status = status if status in _PASSED_ON else 403
    if logged is None:
        logged = error.logged if isinstance(error, RefusedCredential) else {}
    return GatewayResponse(status, list(fields.items()), json.dumps(body).encode(), logged, charged)
