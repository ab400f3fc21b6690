"""What a reservation takes, and what refuses it."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from apikeys.config_service import ConfigService
from apikeys.policies.service import PolicyService
from ratelimit.reservation import Reserved
from ratelimit.stores import MemoryStore
from ratelimit.stores.base import OutcomeUnknown
from tests.conftest import Caller
from tests.gateway.reservations.asking import STREAMS, TOKENS, TPM, UNKNOWN, issue, made, reserve, settle, slug, used

pytestmark = pytest.mark.django_db(transaction=True)


def test_refusal_names_what_refused_and_takes_nothing(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS, STREAMS)
    made(reserve(gateway, credential))
    refused = reserve(gateway, credential, 201)
    body = refused.json()
    assert (refused.status_code, body["valid"], body["code"]) == (200, False, "RATE_LIMITED")
    assert (body["reservation"], body["expires_at"], body["retry_after"]) == (None, None, None)
    assert body["violated_policies"] == ["budget"]
    made(reserve(gateway, credential, 200))
    busy = reserve(gateway, credential, 0).json()
    assert (busy["code"], busy["violated_policies"]) == ("RATE_LIMITED", ["budget", "streams"])
    assert used(api, credential) == {"key": 2, "budget": 1000, "streams": 2}


def test_plain_requests_hold_no_slots(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, {**STREAMS, "concurrency": 1})
    reservation = made(reserve(gateway, credential, None))
    assert [Caller(credential).get("/v1/check").status_code for _ in range(2)] == [204, 204]
    assert reserve(gateway, credential, None).json()["violated_policies"] == ["streams"]
    assert gateway.delete(f"/v1/reservations/{reservation}").status_code == 204
    made(reserve(gateway, credential, None))
    assert used(api, credential)["streams"] == 1


def test_key_that_was_disabled_meanwhile_reserves_nothing(
    gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS, STREAMS)
    key_id = credential.partition(":")[0]
    made(reserve(gateway, credential, 1))
    service.update(key_id, {"enabled": False})
    assert reserve(gateway, credential, 1).json()["code"] == "DISABLED"


def test_missing_scope_reserves_nothing_and_costs_a_request(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS, STREAMS, scopes=["orders:read"])
    refused = reserve(gateway, credential, scopes=["orders:write"])
    assert (refused.status_code, refused.json()["code"]) == (200, "INSUFFICIENT_SCOPE")
    assert used(api, credential) == {"key": 1, "budget": 0, "streams": 0}
    made(reserve(gateway, credential, scopes=["orders:read"]))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/ttl_seconds"),
        ({"ttl_seconds": 0}, "/ttl_seconds"),
        ({"ttl_seconds": 3601}, "/ttl_seconds"),
        ({"ttl_seconds": 60, "costs": {"tokens": -1}}, "/costs/tokens"),
        ({"ttl_seconds": 60, "costs": {"tokns": 1}}, "/costs/tokns"),
        ({"ttl_seconds": 60, "costs": {"tokens": 1001}}, "/costs/tokens"),
        ({"ttl_seconds": 60, "cost": 6}, "/cost"),
        ({"ttl_seconds": 60, "cost": 0, "costs": {"requests": 0}}, "/costs/requests"),
        ({"ttl_seconds": 60, "x": 1}, "/x"),
    ],
)
def test_invalid_reservation(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService, body: dict[str, Any], pointer: str
) -> None:
    credential = issue(service, policies, TOKENS)
    refused = gateway.post("/v1/reservations", {"credential": credential, **body})
    assert refused.status_code == 422, refused.content
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert used(api, credential) == {"key": 0, "budget": 0}


def test_calls_need_the_scope_verify(service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, TOKENS)
    caller = Caller(credential)
    answers = [
        reserve(caller, credential), settle(caller, UNKNOWN), caller.delete(f"/v1/reservations/{UNKNOWN}"),
        caller.post(f"/v1/reservations/{UNKNOWN}/extend", {"ttl_seconds": 1}),
    ]  # fmt: skip
    assert [slug(answer) for answer in answers] == [(403, "insufficient-scope")] * 4


def test_key_has_a_bound_of_open_reservations(
    gateway: Caller, service: ConfigService, policies: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = issue(service, policies, TOKENS)
    monkeypatch.setattr("ratelimit.reservations.MAX_OPEN", 2)
    first, _ = (made(reserve(gateway, credential, 1)) for _ in range(2))
    assert slug(reserve(gateway, credential, 1)) == (409, "too-many-reservations")
    settle(gateway, first)
    made(reserve(gateway, credential, 1))


def test_reservation_without_a_response_of_the_store_is_given_back(
    api: Caller,
    gateway: Caller,
    service: ConfigService,
    policies: PolicyService,
    store: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credential = issue(service, policies, TOKENS, STREAMS)
    made(reserve(gateway, credential, 100))
    reserve_in_store = store.reserve

    def lose(*asked: Any) -> Reserved:
        assert reserve_in_store(*asked).expires_s
        raise OutcomeUnknown("the connection was cut")

    with monkeypatch.context() as patched:
        patched.setattr(store, "reserve", lose)
        assert slug(reserve(gateway, credential, 400)) == (503, "unavailable")
    assert used(api, credential) == {"key": 1, "budget": 100, "streams": 1}


def test_estimate_of_zero_is_charged_afterwards(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    reservation = made(reserve(gateway, credential, 0, cost=0))
    assert used(api, credential) == {"key": 0, "budget": 0}
    settle(gateway, reservation, tokens=70, requests=2)
    assert used(api, credential) == {"key": 2, "budget": 70}


def test_refused_reservation_is_counted_by_the_kinds_of_the_limits(
    gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    names: list[tuple[str, dict[str, str]]] = [("api_rate_limit_throttled_total", {})]
    names += [("api_plan_limit_refusals_total", {"kind": kind}) for kind in ("rate", "quota", "concurrency")]

    def counts() -> list[float]:
        return [REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in names]

    credential = issue(service, policies, TOKENS, TPM, {**STREAMS, "concurrency": 1})
    made(reserve(gateway, credential, 10))
    before = counts()
    assert reserve(gateway, credential, 10).json()["violated_policies"] == ["streams"]
    assert [after - count for after, count in zip(counts(), before, strict=True)] == [1, 0, 0, 1]
    assert reserve(gateway, credential, 991).json()["violated_policies"] == ["budget", "tpm", "streams"]
    assert [after - count for after, count in zip(counts(), before, strict=True)] == [2, 1, 1, 2]
