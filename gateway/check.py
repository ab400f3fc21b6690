"""/v1/check: whether a request that a proxy received is allowed, and the response to the proxy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings

from apikeys.authenticator import FAILURES, Authenticator, Verified
from apikeys.errors import InsufficientScope, LimitTooSmall, QuotaExceeded, RefusedCredential
from gateway.question import Question, parse_question
from latchkey import headers
from latchkey.credential_fields import credential_from_headers
from latchkey.credentials import Credential, CredentialError
from latchkey.identity import identity_fields
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE, ProblemError, body_of, fields_of
from ratelimit.bucket import CostExceedsBurst
from ratelimit.decision import Decision
from ratelimit.headers import rate_limit_fields

NO_STORE: Final = ("Cache-Control", "no-store")
# Statuses that nginx passes on to its client unchanged (`deny=403`), and statuses that are mapped to 403 for it.
# Server errors and the operator's own mistakes are never mapped: they must not look like the client's fault.
_PASSED_ON: Final = (401, 403)
_OF_THE_CLIENT: Final = (400, 429)


@dataclass(frozen=True, slots=True)
class Call:
    """One call by a proxy: the query, the client's fields that may carry a credential, and the client's address."""

    query: bytes
    api_key: str | None
    authorization: str | None
    address: str
    path: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a call. `logged` are the log fields about the key."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""
    logged: Mapping[str, str] = field(default_factory=dict)


def check(gate: Authenticator, call: Call) -> Answer:
    """Return the response to a call. Raise the database's or bucket store's exception if it does not answer."""
    question = Question()
    try:
        question = parse_question(call.query)
        verified, decision = gate.admit(credential_of(call), call.address, question.cost)
    except CostExceedsBurst:
        return refusal(above_burst(), question, call)
    except ProblemError as error:
        return refusal(error, question, call)
    return answer_to(verified, decision, question, call)


def credential_of(call: Call) -> Credential:
    """Return the call's only credential. Raise CredentialError otherwise, and count the failure."""
    try:
        return credential_from_headers(call.api_key, call.authorization)
    except CredentialError as error:
        FAILURES.labels(error.slug).inc()
        raise


def answer_to(verified: Verified, decision: Decision, question: Question, call: Call) -> Answer:
    """Return the response for a key that was charged."""
    auth = verified.record.auth
    if not decision.allowed:
        seconds = decision.retry_after_seconds
        detail = f"Rate limit exceeded. Retry in {seconds} {'second' if seconds == 1 else 'seconds'}."
        throttled = QuotaExceeded(detail, violated_policies=["key"], retry_after_seconds=seconds)
        return refusal(throttled, question, call, decision=decision, logged={"key_id": auth.key_id})
    # Check scopes after charging: a 403 costs as much as a 204, so a key can't probe for scopes for free.
    lacking = next((scope for scope in question.scopes if not auth.allows(scope)), None)
    if lacking is not None:
        refused = InsufficientScope(f"This call needs the scope {lacking}.")
        return refusal(refused, question, call, decision=decision, logged={"key_id": auth.key_id})
    fields = [*identity_fields(auth), *rate_limit_fields(decision), NO_STORE, (headers.REQUEST_ID, call.request_id)]
    return Answer(200 if question.allow_as_ok else 204, fields, logged={"key_id": auth.key_id})


def refusal(
    error: ProblemError,
    question: Question,
    call: Call,
    *,
    decision: Decision | None = None,
    logged: Mapping[str, str] | None = None,
) -> Answer:
    """Return the problem response for `error`."""
    status = CATALOGUE[error.slug].status
    body = body_of(error, instance=call.path, request_id=call.request_id, public_url=settings.PUBLIC_URL)
    fields = dict([*(rate_limit_fields(decision) if decision else ()), *fields_of(error)])
    fields |= {"Content-Type": MEDIA_TYPE, "X-Content-Type-Options": "nosniff", headers.REQUEST_ID: call.request_id}
    if question.deny_as_forbidden and status in (*_PASSED_ON, *_OF_THE_CLIENT):
        # nginx (auth_request) drops the body. It builds an equivalent one from these fields.
        fields |= {headers.LATCHKEY_STATUS: str(status), headers.LATCHKEY_PROBLEM: error.slug}
        status = status if status in _PASSED_ON else 403
    if logged is None:
        logged = error.logged if isinstance(error, RefusedCredential) else {}
    return Answer(status, list(fields.items()), json.dumps(body).encode(), logged)


def above_burst() -> LimitTooSmall:
    """Return the problem for a cost that the key's bucket can never hold, however long the client waits.

    Another request may use the same key, so the problem is about the key, not about this call.
    """
    return LimitTooSmall("This request costs more tokens than the key's bucket can ever hold.")
