"""Limits of a plan in the integrations: what a service's client sees of them, and costs by unit."""

import json
from typing import Any

import pytest

from latchkey.credentials import Credential, generate_secret
from latchkey.integrations.configuration import Configuration
from latchkey.integrations.guard import Guard
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.needs import Needs
from latchkey.integrations.outcome import Allowed, Denied
from latchkey.integrations.visit import Visit
from tests.latchkey.client.responses import CREDENTIAL, KEY_ID, json_response
from tests.latchkey.stub import stub

pytestmark = pytest.mark.storeless("how an integration reads a response")

TPM = {
    "name": "tpm", "unit": "tokens", "mode": "enforce", "limit": 1000, "per_seconds": 60, "remaining": 400,
    "next_token_seconds": 1, "reset_seconds": 36,
}  # fmt: skip
VERDICT = {
    "valid": True, "code": "VALID", "key_id": KEY_ID, "label": "x", "owner": "", "scopes": [], "metadata": {},
    "rate_limit": {"limit": 5, "per_seconds": 60, "remaining": 4, "next_token_seconds": 12, "reset_seconds": 12},
    "retry_after": None, "limits": [TPM], "violated_policies": [],
}  # fmt: skip


def checked(verdict: dict[str, Any], status: int = 200, **costs: int) -> tuple[Allowed | Denied, dict[str, Any]]:
    """Return the outcome of a request that Latchkey answers so, and the body that Latchkey got."""
    caller = Credential(KEY_ID, generate_secret())
    kind = {"Content-Type": "application/problem+json"} if status >= 400 else {}
    with stub(lambda _: json_response(verdict, status, **kind)) as server:
        guard = Guard(Configuration.read(url=server.url, api_key=CREDENTIAL.reveal()))
        outcome = guard.check(IncomingRequest.of("/", {"X-API-Key": caller.reveal()}.get), costs=costs)
        guard.close()
        return outcome, json.loads(server.requests[0].body)


def test_all_limits_are_shown() -> None:
    outcome, sent = checked(VERDICT, tokens=600)
    assert isinstance(outcome, Allowed)
    fields = dict(outcome.fields)
    assert fields["RateLimit-Policy"] == '"key";q=5;w=60, "tpm";q=1000;w=60;qu="tokens"'
    assert fields["RateLimit"] == '"key";r=4;t=12, "tpm";r=400;t=1'
    assert fields["X-RateLimit-Limit"] == "1000"
    assert sent["costs"] == {"tokens": 600}


@pytest.mark.parametrize("seconds", [30, None])
def test_denial_names_the_limits(seconds: int | None) -> None:
    refused = {"valid": False, "code": "RATE_LIMITED", "retry_after": seconds, "violated_policies": ["key", "tpm"]}
    outcome, _ = checked({**VERDICT, **refused})
    assert isinstance(outcome, Denied)
    assert json.loads(outcome.body)["violated-policies"] == ["key", "tpm"]
    assert dict(outcome.fields).get("Retry-After") == (None if seconds is None else "30")


def test_a_unit_that_was_paid_before_is_not_asked_again() -> None:
    """A request that has paid the last of it would be denied, whatever its second place costs."""
    refused = {"valid": False, "code": "RATE_LIMITED", "retry_after": 24, "violated_policies": ["key"]}
    unknown = {**TPM, "remaining": None, "next_token_seconds": None, "reset_seconds": None}
    verdicts = iter([VERDICT, {**VERDICT, **refused, "limits": [unknown]}])
    with stub(lambda _: json_response(next(verdicts))) as server:
        guard = Guard(Configuration.read(url=server.url, api_key=CREDENTIAL.reveal()))
        visit, request = Visit(), IncomingRequest.of("/", {"X-API-Key": CREDENTIAL.reveal()}.get)
        outcomes = [
            guard.admit(request, needs, visit) for needs in (Needs.of((), 1, {"tokens": 901}), Needs.of((), 5, {}))
        ]
        guard.close()
        costs = [json.loads(sent.body).get("costs") for sent in server.requests]
    assert costs == [{"tokens": 901}, None]
    assert dict(outcomes[1].fields)["Retry-After"] == "24"


def test_cost_above_a_limit() -> None:
    detail = "This request costs more than the limit tpm of the key's plan ever allows."
    problem = {
        "type": "http://x/problems/invalid-parameters", "title": "Validation failed", "status": 422, "detail": "x",
        "instance": "/v1/verify", "request_id": "r",
        "errors": [{"pointer": "/costs/tokens", "code": "above-limit", "detail": detail}],
    }  # fmt: skip
    outcome, _ = checked(problem, 422, tokens=1001)
    assert isinstance(outcome, Denied)
    assert (outcome.status, json.loads(outcome.body)["detail"]) == (403, detail)
