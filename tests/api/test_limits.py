"""Limits of keys and owners: what is used of them, and adjusting it, as a client sees it."""

import re
from typing import Any

import pytest

from apikeys.config_service import ConfigService
from apikeys.policies.service import PolicyService
from events.models import Event
from ratelimit.stores import BucketStoreError, MemoryStore
from tests.api.plans import path_of, pointers, states
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

FIRST_OF_MONTH = re.compile(r"\d{4}-\d\d-01T00:00:00Z")


def test_limits_of_key(api: Caller, acme_key: Caller) -> None:
    found = states(api.get(f"{path_of(acme_key)}/limits"))
    assert sorted(found) == ["key", "monthly", "per_second", "trial"]
    full = found["key"].pop("resets_at")
    assert found["key"] == {
        "name": "key", "unit": "requests", "mode": "enforce", "shared": "key", "limit": 60, "used": 1, "remaining": 59,
    }  # fmt: skip
    assert full.endswith("Z")
    assert (found["trial"]["unit"], found["trial"]["mode"], found["trial"]["resets_at"]) == ("tokens", "observe", None)
    assert (found["monthly"]["shared"], found["monthly"]["limit"]) == ("owner", 1000)
    assert FIRST_OF_MONTH.fullmatch(found["monthly"]["resets_at"])
    path = path_of(acme_key)
    assert [limit["used"] for limit in api.get(path).json()["limits"]] == [
        limit["used"] for limit in api.get(f"{path}/limits").json()["limits"]
    ]
    assert "limits" not in api.get("/v1/keys").json()["items"][0]


def test_unlimited_key_has_no_limit_of_its_own(api: Caller, acme_key: Caller) -> None:
    path = path_of(acme_key)
    assert api.patch(path, {"rate_limit": None}).status_code == 200
    assert "key" not in states(api.get(f"{path}/limits"))


def test_key_reads_its_own_limits_alone(api: Caller, acme_key: Caller, acme: str) -> None:
    assert states(acme_key.get(f"{path_of(acme_key)}/limits"))["monthly"]["limit"] == 1000
    assert acme_key.get(f"{path_of(api)}/limits").status_code == 403
    assert acme_key.get(f"{acme}/limits").status_code == 403


def test_limits_of_owner_are_those_that_are_shared(api: Caller, acme: str) -> None:
    assert list(states(api.get(f"{acme}/limits"))) == ["monthly"]
    assert api.get("/v1/owners/other/limits").status_code == 404
    plain = api.post("/v1/owners", {"name": "Plain"})["Location"]
    assert api.get(f"{plain}/limits").json() == {"limits": []}


def test_adjust_owner_limit(api: Caller, acme_key: Caller, acme: str) -> None:
    path = f"{acme}/limits/monthly/adjust"
    before = states(acme_key.get(f"{path_of(acme_key)}/limits"))["monthly"]["used"]
    adjusted = api.post(path, {"used": 900, "reason": "moved from the old system"})
    assert adjusted.status_code == 200
    shown = adjusted.json()
    assert (shown["name"], shown["used"], shown["remaining"]) == ("monthly", 900, 100)
    event = Event.objects.latest("id")
    assert (event.type, event.data["reason"]) == ("LimitAdjusted", "moved from the old system")
    assert api.post(path, {"add": -500, "reason": "outage"}).json()["used"] == 400
    assert api.post(path, {"add": -500, "reason": "outage"}).json()["used"] == 0
    assert before < 900


def test_adjust_key_limit(api: Caller, acme_key: Caller) -> None:
    path = path_of(acme_key)
    assert api.post(f"{path}/limits/trial/adjust", {"used": 60, "reason": "x"}).json()["remaining"] == 0
    assert states(api.get(f"{path}/limits"))["trial"]["used"] == 60
    rate = api.post(f"{path}/limits/per_second/adjust", {"used": 0, "reason": "x"}).json()
    assert (rate["used"], rate["remaining"], rate["resets_at"]) == (0, 100, None)
    # It belongs to the owner, so it isn't adjusted as a limit of one of its keys.
    assert api.post(f"{path}/limits/monthly/adjust", {"used": 0, "reason": "x"}).status_code in (404, 422)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"used": -1, "reason": ""}, {"/used", "/reason"}),
        ({"used": 1.5, "add": "1", "reason": 1}, {"", "/used", "/add", "/reason"}),
        ({"used": True, "reason": "x"}, {"/used"}),
        ({"used": 1}, {"/reason"}),
        ({"used": 1, "reason": "x", "to": 1}, {"/to"}),
    ],
)
def test_adjustment_is_validated(api: Caller, acme: str, values: dict[str, object], expected: set[str]) -> None:
    assert set(pointers(api.post(f"{acme}/limits/monthly/adjust", values))) == expected


@pytest.mark.parametrize("values", [{"reason": "x"}, {"used": 1, "add": 1, "reason": "x"}])
def test_adjustment_has_one_change(api: Caller, acme: str, values: dict[str, object]) -> None:
    assert api.post(f"{acme}/limits/monthly/adjust", values).status_code == 422


def test_unknown_limit_is_not_found(api: Caller, acme_key: Caller, acme: str) -> None:
    values = {"used": 0, "reason": "x"}
    assert api.post(f"{acme}/limits/other/adjust", values).status_code == 404
    assert api.post(f"{path_of(acme_key)}/limits/other/adjust", values).status_code == 404
    assert api.post("/v1/owners/other/limits/monthly/adjust", values).status_code == 404
    assert api.post("/v1/keys/lk_000000000000/limits/trial/adjust", values).status_code == 404


def test_adjustment_without_read_shows_name_alone(
    api: Caller, acme_key: Caller, acme: str, service: ConfigService
) -> None:
    writer = Caller(service.issue({"label": "w", "scopes": ["keys:write", "owners:write"]}).credential.reveal())
    values = {"add": 0, "reason": "x"}
    assert writer.post(f"{acme}/limits/monthly/adjust", values).json() == {"name": "monthly"}
    assert writer.post(f"{path_of(acme_key)}/limits/trial/adjust", values).json() == {"name": "trial"}
    assert acme_key.post(f"{acme}/limits/monthly/adjust", values).status_code == 403


def test_key_is_shown_while_the_store_is_down(
    api: Caller, acme_key: Caller, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(acme_key)

    def down(*_: object) -> None:
        raise BucketStoreError("down")

    monkeypatch.setattr(store, "peek_claims", down)
    shown = api.get(path)
    assert shown.status_code == 200
    used = {limit["name"]: (limit["used"], limit["resets_at"]) for limit in shown.json()["limits"]}
    assert used["monthly"] == used["trial"] == (None, None)
    assert api.get(f"{path}/limits").status_code == 503


def test_own_usage_is_that_of_the_key(api: Caller, acme_key: Caller) -> None:
    query = "?step=minute"
    assert acme_key.get(f"/v1/whoami/usage{query}").json() == api.get(f"{path_of(acme_key)}/usage{query}").json()


def test_limit_that_is_gone_after_its_adjustment_is_named(
    api: Caller, acme_key: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    adjust = PolicyService.adjust

    def adjust_before_another_change(service: PolicyService, *args: Any) -> object:
        done = adjust(service, *args)
        service.change_owner("acme", {"plan": None})
        return done

    monkeypatch.setattr(PolicyService, "adjust", adjust_before_another_change)
    adjusted = api.post(f"{path_of(acme_key)}/limits/per_second/adjust", {"used": 0, "reason": "x"})
    assert (adjusted.status_code, adjusted.json()) == (200, {"name": "per_second"})
