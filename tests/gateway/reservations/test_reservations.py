"""/v1/reservations: an estimate is taken, and settled by what the work cost."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from apikeys.config_service import ConfigService
from apikeys.models import IdempotencyRecord, QuotaUse
from apikeys.policies.policies import default_policies
from apikeys.policies.service import PolicyService
from events.origin import Origin
from ratelimit.reservation import Reserved
from ratelimit.stores import MemoryStore
from ratelimit.stores.base import OutcomeUnknown
from tests.conftest import Caller, Clock

pytestmark = pytest.mark.django_db(transaction=True)

TOKENS: dict[str, Any] = {"name": "budget", "unit": "tokens", "quota": {"quota": 1000, "per": "once"}}
TPM: dict[str, Any] = {"name": "tpm", "unit": "tokens", "rate": {"burst": 1000, "per_seconds": 2_678_400}}
STREAMS: dict[str, Any] = {"name": "streams", "concurrency": 2}
UNKNOWN = "res_0123456789ab_0123456789abcdefghijkl"


@pytest.fixture
def policies(db: None) -> PolicyService:
    return PolicyService(Origin("command:test", "request-of-test"))


@pytest.fixture
def gateway(service: ConfigService) -> Caller:
    """A client with the key of a service."""
    return Caller(service.issue({"label": "service", "scopes": ["verify"], "rate_limit": None}).credential.reveal())


def issue(service: ConfigService, policies: PolicyService, *limits: dict[str, Any], **more: Any) -> str:
    """A key with a plan of these limits. Return its credential."""
    policies.create_plan({"name": "gold", "limits": list(limits)})
    values = {"label": "x", "plan": "gold", "rate_limit": {"burst": 5, "per_seconds": 2_678_400}, **more}
    return service.issue(values).credential.reveal()


def reserve(gateway: Caller, credential: str, tokens: int | None = 800, **more: Any) -> Any:
    """Reserve for a minute."""
    costs = {} if tokens is None else {"costs": {"tokens": tokens}}
    name = more.pop("name", None)
    return gateway.post(
        "/v1/reservations",
        {"credential": credential, "ttl_seconds": 60, **costs, **more},
        headers={"Idempotency-Key": name} if name else None,
    )


def settle(gateway: Caller, reservation: str, **costs: int) -> Any:
    return gateway.post(f"/v1/reservations/{reservation}/settle", {"costs": costs})


def made(response: Any) -> str:
    assert response.status_code == 201, response.content
    return str(response.json()["reservation"])


def used(api: Caller, credential: str) -> dict[str, int]:
    """What is used of each limit of a key."""
    found = api.get(f"/v1/keys/{credential.partition(':')[0]}/limits").json()["limits"]
    return {limit["name"]: limit["used"] for limit in found}


def slug(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rpartition("/")[2]


def test_settling_returns_what_the_work_did_not_cost(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS, TPM, STREAMS)
    first = reserve(gateway, credential)
    body = first.json()
    assert first.status_code == 201
    assert (body["valid"], body["code"], body["key_id"]) == (True, "VALID", credential.partition(":")[0])
    assert {limit["name"]: limit["remaining"] for limit in body["limits"]} == {"budget": 200, "tpm": 200, "streams": 1}
    assert used(api, credential) == {"key": 1, "budget": 800, "tpm": 800, "streams": 1}
    settled = settle(gateway, made(first), tokens=512)
    assert settled.status_code == 200
    key, budget, tpm = settled.json()["limits"]
    assert budget == {
        "name": "budget", "unit": "tokens", "reserved": 800, "cost": 512, "charged": 0, "returned": 288,
        "forgiven": 0, "used": 512,
    }  # fmt: skip
    assert (tpm["name"], tpm["returned"], tpm["used"]) == ("tpm", 288, 512)
    assert (key["name"], key["unit"], key["reserved"], key["cost"]) == ("key", "requests", 1, 1)
    assert used(api, credential) == {"key": 1, "budget": 512, "tpm": 512, "streams": 0}


def test_settling_twice_is_the_same_as_once(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    reservation = made(reserve(gateway, credential))
    first = settle(gateway, reservation, tokens=100)
    assert settle(gateway, reservation, tokens=900).json() == first.json()
    assert used(api, credential)["budget"] == 100


def test_cost_above_the_estimate_is_charged_and_what_a_rate_cannot_hold_is_forgiven(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS, TPM)
    _, budget, tpm = settle(gateway, made(reserve(gateway, credential, 10)), tokens=2500).json()["limits"]
    assert (budget["charged"], budget["forgiven"], budget["used"]) == (2490, 0, 2500)
    # A rate is overdrawn to two full buckets.
    assert (tpm["charged"], tpm["forgiven"], tpm["used"]) == (1990, 500, 2000)
    assert used(api, credential) == {"key": 1, "budget": 2500, "tpm": 2000}


def test_unit_that_is_not_named_costs_nothing_and_another_may_be_named(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    images = {"name": "images", "unit": "images", "quota": {"quota": 10, "per": "once"}}
    credential = issue(service, policies, TOKENS, images)
    settled = settle(gateway, made(reserve(gateway, credential)), images=3).json()["limits"]
    assert {limit["name"]: (limit["reserved"], limit["cost"]) for limit in settled} == {
        "key": (1, 1), "budget": (800, 0), "images": (0, 3),
    }  # fmt: skip
    assert used(api, credential) == {"key": 1, "budget": 0, "images": 3}


def test_estimate_of_zero_is_charged_afterwards(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    reservation = made(reserve(gateway, credential, 0, cost=0))
    assert used(api, credential) == {"key": 0, "budget": 0}
    settle(gateway, reservation, tokens=70, requests=2)
    assert used(api, credential) == {"key": 2, "budget": 70}


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


def test_cancelling_gives_everything_back(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS, STREAMS)
    reservation = made(reserve(gateway, credential))
    assert [gateway.delete(f"/v1/reservations/{reservation}").status_code for _ in range(2)] == [204, 204]
    assert used(api, credential) == {"key": 0, "budget": 0, "streams": 0}
    assert slug(settle(gateway, reservation, tokens=1)) == (409, "reservation-ended")
    assert slug(gateway.post(f"/v1/reservations/{reservation}/extend", {"ttl_seconds": 9})) == (
        409, "reservation-ended",
    )  # fmt: skip
    settled = made(reserve(gateway, credential))
    settle(gateway, settled)
    assert slug(gateway.delete(f"/v1/reservations/{settled}")) == (409, "reservation-ended")


def test_another_callers_unknown_and_malformed_reservations_are_the_same(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    reservation = made(reserve(gateway, credential))
    asks: list[Callable[[Caller, str], Any]] = [
        lambda caller, one: settle(caller, one, tokens=1),
        lambda caller, one: caller.delete(f"/v1/reservations/{one}"),
        lambda caller, one: caller.post(f"/v1/reservations/{one}/extend", {"ttl_seconds": 9}),
    ]
    for ask in asks:
        answers = [
            ask(api, reservation),
            ask(gateway, UNKNOWN),
            ask(gateway, "nonsense"),
            ask(gateway, f"{reservation}x"),
        ]
        assert [slug(answer) for answer in answers] == [(404, "not-found")] * 4
        assert len({answer.json()["detail"] for answer in answers}) == 1
    assert used(api, credential)["budget"] == 800


def test_revoked_key_is_settled(api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, TOKENS)
    key_id = credential.partition(":")[0]
    reservation = made(reserve(gateway, credential))
    service.revoke(key_id)
    assert reserve(gateway, credential).json()["code"] == "REVOKED"
    assert settle(gateway, reservation, tokens=500).status_code == 200
    assert used(api, credential)["budget"] == 500


def test_settled_quota_reaches_the_database(gateway: Caller, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, TOKENS)
    reservation = made(reserve(gateway, credential))
    default_policies().writer.write(everything=True)
    assert [row.used for row in QuotaUse.objects.all()] == [800]
    settle(gateway, reservation, tokens=300)
    default_policies().writer.write(everything=True)
    assert [row.used for row in QuotaUse.objects.all()] == [300]


def test_costs_are_asked_of_the_limits_of_today(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    reservation = made(reserve(gateway, credential))
    policies.change_plan("gold", {"limits": [TOKENS, {**TPM, "name": "new"}]})
    settled = settle(gateway, reservation, tokens=300).json()["limits"]
    assert [(limit["name"], limit["reserved"], limit["cost"]) for limit in settled] == [
        ("key", 1, 1), ("budget", 800, 300), ("new", 0, 300),
    ]  # fmt: skip
    assert used(api, credential)["new"] == 300


def test_extended_reservation_is_open_longer(gateway: Caller, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, STREAMS)
    first = reserve(gateway, credential, None).json()
    path = f"/v1/reservations/{first['reservation']}/extend"
    longer = gateway.post(path, {"ttl_seconds": 3600})
    assert longer.status_code == 200
    assert longer.json()["expires_at"] > first["expires_at"]
    assert gateway.post(path, {"ttl_seconds": 1}).json() == longer.json(), "it never gets shorter"


def test_expired_reservation_stays_at_its_estimate(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService, store: MemoryStore, clock: Clock
) -> None:
    store.now_ns = clock
    clock.ns = time.time_ns()
    credential = issue(service, policies, TOKENS, STREAMS)
    reservation = made(reserve(gateway, credential))
    clock.move(61)
    assert slug(settle(gateway, reservation, tokens=1)) == (409, "reservation-expired")
    assert slug(gateway.delete(f"/v1/reservations/{reservation}")) == (409, "reservation-expired")
    assert used(api, credential) == {"key": 1, "budget": 800, "streams": 0}


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


def test_unknown_unit_settles_nothing(gateway: Caller, service: ConfigService, policies: PolicyService) -> None:
    reservation = made(reserve(gateway, issue(service, policies, TOKENS)))
    for one in (reservation, UNKNOWN):
        refused = settle(gateway, one, tokns=1)
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/costs/tokns"]
    assert settle(gateway, reservation, tokens=1).status_code == 200


def test_calls_need_the_scope_verify(service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, TOKENS)
    caller = Caller(credential)
    answers = [
        reserve(caller, credential), settle(caller, UNKNOWN), caller.delete(f"/v1/reservations/{UNKNOWN}"),
        caller.post(f"/v1/reservations/{UNKNOWN}/extend", {"ttl_seconds": 1}),
    ]  # fmt: skip
    assert [slug(answer) for answer in answers] == [(403, "insufficient-scope")] * 4


def test_idempotency_key_makes_a_repetition_the_same_reservation(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    first, again = (reserve(gateway, credential, 400, name="job-7") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert used(api, credential)["budget"] == 400
    other = reserve(gateway, credential, 401, name="job-7")
    assert [error["code"] for error in other.json()["errors"]] == ["idempotency-key-reused"]
    wrong = reserve(gateway, f"{credential[:-1]}{'a' if credential[-1] != 'a' else 'b'}", 400, name="job-7")
    assert wrong.status_code == 422, "another secret is another request"
    kept = json.dumps(list(IdempotencyRecord.objects.values()), default=str)
    assert credential.partition(":")[2] not in kept


def test_refused_reservation_leaves_the_idempotency_key_free(
    gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    reservation = made(reserve(gateway, credential))
    assert reserve(gateway, credential, 400, name="job-8").json()["code"] == "RATE_LIMITED"
    settle(gateway, reservation, tokens=100)
    assert len({made(reserve(gateway, credential, 400, name="job-8")) for _ in range(2)}) == 1


def test_reservation_that_cannot_be_remembered_is_given_back(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = issue(service, policies, TOKENS, STREAMS)

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(IdempotencyRecord, "save", fail)
        assert reserve(gateway, credential, 400, name="job-9").status_code == 503
    assert used(api, credential) == {"key": 0, "budget": 0, "streams": 0}


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


def test_key_has_a_bound_of_open_reservations(
    gateway: Caller, service: ConfigService, policies: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = issue(service, policies, TOKENS)
    monkeypatch.setattr("ratelimit.reservations.MAX_OPEN", 2)
    first, _ = (made(reserve(gateway, credential, 1)) for _ in range(2))
    assert slug(reserve(gateway, credential, 1)) == (409, "too-many-reservations")
    settle(gateway, first)
    made(reserve(gateway, credential, 1))
