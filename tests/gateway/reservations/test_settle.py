"""What settling charges and returns."""

from collections import Counter
from collections.abc import Sequence

import pytest
from django.db import OperationalError

from apikeys.config_service import ConfigService
from apikeys.models import QuotaUse
from apikeys.policies.policies import default_policies
from apikeys.policies.service import PolicyService
from apikeys.usage.rollup import UsageRollup
from ratelimit.claim import Claim
from ratelimit.limiter import default_limiter
from ratelimit.reservation import Settlement
from tests.conftest import Caller
from tests.gateway.reservations.asking import STREAMS, TOKENS, TPM, UNKNOWN, issue, made, reserve, settle, used

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_store_knows_all_counters_of_the_reservation(
    gateway: Caller, service: ConfigService, policies: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of a unit that the settlement doesn't name. Redis needs one run of a script then."""
    reservation = made(reserve(gateway, issue(service, policies, TOKENS, TPM, STREAMS)))
    known: set[bytes] = set()
    store = default_limiter().store
    settle_in_store = store.settle

    def noted(
        name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim], likely: Sequence[bytes]
    ) -> Settlement:
        known.update(likely, [claim.counter for claim in claims])
        return settle_in_store(name, caller, key_cost, claims, likely)

    monkeypatch.setattr(store, "settle", noted)
    assert settle(gateway, reservation).status_code == 200
    assert [name.rpartition(b":")[2] for name in sorted(known)] == [b"budget", b"streams", b"tpm", b"tokens"]


def test_usage_by_unit_has_what_was_charged_and_returned(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    """Also of a key without a plan, and in a unit that was not reserved."""
    images = {"name": "images", "unit": "images", "rate": {"burst": 5, "per_seconds": 60}}
    limited = issue(service, policies, TOKENS, images)
    free = service.issue({"label": "x"}).credential.reveal()
    for credential in (limited, free):
        reservation = made(reserve(gateway, credential))
        settled = [settle(gateway, reservation, tokens=512, images=3).json() for _ in range(2)]
        assert settled[0] == settled[1]
        assert {limit["unit"] for limit in settled[0]["limits"]} <= {"requests", "tokens", "images"}
        assert len(settled[0]["limits"]) == (3 if credential == limited else 1)
        cancelled = made(reserve(gateway, credential, 100))
        assert gateway.delete(f"/v1/reservations/{cancelled}").status_code == 204
        made(reserve(gateway, credential, 10))
    UsageRollup(default_limiter().store).write_pending()
    for credential in (limited, free):
        found: Counter[tuple[str, str]] = Counter()
        for step in api.get(f"/v1/keys/{credential.partition(':')[0]}/usage").json():
            found.update({(unit, name): n for unit, one in step["units"].items() for name, n in one.items()})
        assert +found == {("images", "charged"): 3, ("tokens", "charged"): 910, ("tokens", "returned"): 388}
    assert used(api, limited)["budget"] == 910 - 388


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


def test_settling_without_costs_gives_nothing_back(
    gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    reservation = made(reserve(gateway, issue(service, policies, TOKENS)))
    refused = gateway.post(f"/v1/reservations/{reservation}/settle", {})
    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [("/costs", "missing")]
    assert settle(gateway, reservation, tokens=300).status_code == 200


def test_unknown_unit_settles_nothing(gateway: Caller, service: ConfigService, policies: PolicyService) -> None:
    reservation = made(reserve(gateway, issue(service, policies, TOKENS)))
    for one in (reservation, UNKNOWN):
        refused = settle(gateway, one, tokns=1)
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/costs/tokns"]
    assert settle(gateway, reservation, tokens=1).status_code == 200


def test_settling_needs_no_database(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = issue(service, policies, TOKENS)
    one, other = (made(reserve(gateway, credential, 300)) for _ in range(2))

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("no connection")

    with monkeypatch.context() as patched:
        patched.setattr("apikeys.cache.key_cache.KeyCache.load", fail)
        patched.setattr("apikeys.policies.policies.Policies.refresh", fail)
        assert settle(gateway, one, tokens=100).status_code == 200
        assert gateway.delete(f"/v1/reservations/{other}").status_code == 204
    assert used(api, credential)["budget"] == 100
