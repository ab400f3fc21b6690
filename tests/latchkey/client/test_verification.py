"""The client's verification of a credential."""

import json

import pytest

from latchkey import Client
from latchkey.client.failures import WrongServer
from latchkey.client.verification import RemainingLimit
from tests.latchkey.client.responses import CREDENTIAL, KEY_ID, json_response
from tests.latchkey.stub import Request, Stub, StubResponse

LEFT = {"limit": 5, "per_seconds": 60, "remaining": 0, "next_token_seconds": 3, "reset_seconds": 12}
KNOWN = {"key_id": KEY_ID, "label": "billing", "owner": "payments", "scopes": ["a:b"], "metadata": {"team": 7}}
REFUSED = {**dict.fromkeys(KNOWN), "rate_limit": None, "retry_after": None, "valid": False}


def test_requests_follow_the_contract(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses.append(json_response({"valid": True, "code": "VALID", "key_id": KEY_ID, "retry_after": None}))
    assert client.verify(CREDENTIAL, scopes=["a:b"]).valid, "also without the other members"
    request: Request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/verify")
    assert json.loads(request.body) == {"credential": CREDENTIAL.reveal(), "scopes": ["a:b"], "cost": 1}


@pytest.mark.parametrize("code", ["VALID", "INSUFFICIENT_SCOPE", "RATE_LIMITED"])
def test_verification_of_a_charged_key_has_its_fields(client: Client, responses: list[StubResponse], code: str) -> None:
    responses.append(
        json_response({**KNOWN, "valid": code == "VALID", "code": code, "rate_limit": LEFT, "retry_after": 3})
    )
    verdict = client.verify(CREDENTIAL)
    assert (verdict.valid, verdict.code, verdict.label, verdict.owner) == (code == "VALID", code, "billing", "payments")
    assert (verdict.scopes, verdict.metadata) == (frozenset({"a:b"}), {"team": 7})
    assert (verdict.rate_limit, verdict.retry_after_seconds) == (RemainingLimit(5, 60, 0, 3, 12), 3)


@pytest.mark.parametrize("code", ["INVALID", "DISABLED", "EXPIRED", "REVOKED"])
def test_verification_of_an_uncharged_key_has_no_fields(
    client: Client, responses: list[StubResponse], code: str
) -> None:
    responses.append(json_response({**REFUSED, "code": code}))
    verdict = client.verify(CREDENTIAL)
    assert (verdict.key_id, verdict.label, verdict.owner, verdict.rate_limit) == (None, None, None, None)
    assert (verdict.scopes, verdict.metadata) == (frozenset(), {})


@pytest.mark.parametrize("member", [{"rate_limit": {"limit": 5}}, {"scopes": "a:b"}, {"metadata": []}, {"owner": 1}])
def test_verdict_of_another_shape(client: Client, responses: list[StubResponse], member: dict[str, object]) -> None:
    responses.append(json_response({**KNOWN, "valid": True, "code": "VALID", "rate_limit": LEFT, **member}))
    with pytest.raises(WrongServer):
        client.verify(CREDENTIAL)


@pytest.mark.parametrize(
    ("code", "problem"),
    [("INVALID", "invalid-credential"), ("EXPIRED", "expired-key"), ("RATE_LIMITED", "quota-exceeded"), ("NEW", None)],
)
def test_a_denial_names_its_problem(
    client: Client, responses: list[StubResponse], code: str, problem: str | None
) -> None:
    responses.append(json_response({**REFUSED, "code": code}, 200, **{"X-Request-Id": "seen.1"}))
    verdict = client.verify(CREDENTIAL)
    assert (verdict.valid, verdict.problem, verdict.request_id) == (False, problem, "seen.1")


TPM = {
    "name": "tpm", "unit": "tokens", "mode": "enforce", "limit": 1000, "per_seconds": 60, "remaining": 0,
    "next_token_seconds": 1, "reset_seconds": 60,
}  # fmt: skip


def test_costs_by_unit_are_sent(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses.extend([json_response({"valid": True, "code": "VALID"})] * 2)
    client.verify(CREDENTIAL, cost=2, costs={"tokens": 350})
    client.verify(CREDENTIAL, costs={"requests": 3})
    bodies = [json.loads(request.body) for request in server.requests]
    assert [(body.get("cost"), body["costs"]) for body in bodies] == [(2, {"tokens": 350}), (None, {"requests": 3})]
    with pytest.raises(ValueError, match="either cost"):
        client.verify(CREDENTIAL, cost=2, costs={"requests": 3})


def test_limits_of_the_plan(client: Client, responses: list[StubResponse]) -> None:
    unclaimed = {**TPM, "name": "trial", "per_seconds": None, "remaining": None, "reset_seconds": None}
    found = {"limits": [TPM, unclaimed], "violated_policies": ["tpm"]}
    responses.append(json_response({**KNOWN, "valid": False, "code": "RATE_LIMITED", "rate_limit": None, **found}))
    verdict = client.verify(CREDENTIAL)
    assert [(limit.name, limit.remaining, limit.reset_seconds) for limit in verdict.limits] == [
        ("tpm", 0, 60),
        ("trial", None, None),
    ]
    assert (verdict.violated_policies, verdict.retry_after_seconds) == (("tpm",), None)


def test_without_plan_only_the_own_limit_refuses(client: Client, responses: list[StubResponse]) -> None:
    responses.append(json_response({**REFUSED, "code": "RATE_LIMITED"}))
    verdict = client.verify(CREDENTIAL)
    assert (verdict.limits, verdict.violated_policies) == ((), ("key",))
