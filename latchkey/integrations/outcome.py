"""Outcome of a request's authentication: it's allowed, or it gets a problem response."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from latchkey import headers
from latchkey.client.verification import Verification
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.principal import Principal
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE, ProblemError, problem_body_of, problem_headers
from latchkey.rate_limit_fields import fields_of_limits, policy_fields, state_fields

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    """A request that may pass. `fields` belong to its response, whatever that is."""

    principal: Principal
    fields: Fields


@dataclass(frozen=True, slots=True)
class Denied:
    """A request that may not pass: the problem response that it gets."""

    error: ProblemError
    status: int
    fields: Fields
    body: bytes


Outcome = Allowed | Denied


def response_fields(request: IncomingRequest, found: Verification | None) -> Fields:
    """Return the fields of every response: the request ID, and what is left of the limits of the verified key."""
    fields = [(headers.REQUEST_ID, request.request_id)]
    limit = found.rate_limit if found else None
    if found and found.limits:
        fields += fields_of_limits([*([limit.state] if limit else []), *found.limits])
    elif limit is not None:
        fields += policy_fields(limit.limit, limit.per_seconds)
        fields += state_fields(limit.remaining, limit.next_token_seconds, limit.reset_seconds)
    return tuple(fields)


def denied(request: IncomingRequest, error: ProblemError, fields: Fields, public_url: str) -> Denied:
    """Return the problem response for `error`. `fields` are those of every response."""
    body = problem_body_of(error, instance=request.path, request_id=request.request_id, public_url=public_url)
    own = (("Content-Type", MEDIA_TYPE), *problem_headers(error))
    return Denied(error, CATALOGUE[error.slug].status, (*fields, *own), json.dumps(body).encode())


def replace_fields(present: Iterable[tuple[bytes, bytes]], added: Fields) -> list[tuple[bytes, bytes]]:
    """Return the fields of a response, encoded as in ASGI, with those of an outcome in place of their namesakes."""
    encoded = [(name.lower().encode(), value.encode()) for name, value in added]
    names = {name for name, _ in encoded}
    return [*(pair for pair in present if pair[0].lower() not in names), *encoded]
