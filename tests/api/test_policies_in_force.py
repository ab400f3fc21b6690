"""Changes of plans, owners, overrides and of what is used apply to the very next request of a key."""

from typing import Any

import pytest

from apikeys.config_service import ConfigService
from tests.api.plans import path_of, states
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

# It doesn't refill while a test runs.
MONTH = 2_678_400


def limits(burst: int, quota: int = 1000) -> list[dict[str, Any]]:
    return [
        {"name": "fast", "rate": {"burst": burst, "per_seconds": MONTH}},
        {"name": "monthly", "shared": "owner", "quota": {"quota": quota, "per": "month"}},
    ]


@pytest.fixture
def sold(api: Caller, service: ConfigService) -> Caller:
    """A client with a key of the owner ACME, who has a plan of 5 requests."""
    api.post("/v1/plans", {"name": "sold", "limits": limits(5)})
    api.post("/v1/owners", {"name": "ACME", "slug": "acme", "plan": "sold"})
    return Caller(service.issue({"label": "x", "owner": "ACME", "rate_limit": None}).credential.reveal())


def refused_by(response: Any) -> list[str]:
    return [] if response.status_code == 200 else list(response.json()["violated-policies"])


def test_plan_is_counted_and_changed(api: Caller, sold: Caller) -> None:
    path = path_of(sold)
    assert states(api.get(f"{path}/limits"))["fast"]["used"] == 1
    assert states(api.get("/v1/owners/acme/limits"))["monthly"]["used"] == 1
    api.patch("/v1/plans/sold", {"limits": limits(2)})
    assert [refused_by(sold.get("/v1/whoami")) for _ in range(2)] == [[], ["fast"]]
    api.patch("/v1/plans/sold", {"limits": limits(5, quota=3)})
    assert [refused_by(sold.get("/v1/whoami")) for _ in range(2)] == [[], ["monthly"]]
    assert states(api.get(f"{path}/limits"))["monthly"]["used"] == 3


def test_override_and_its_end(api: Caller, sold: Caller) -> None:
    values = {"owner": "acme", "limit": "monthly", "quota": 1, "until": "2099-01-01T00:00:00Z"}
    override = api.post("/v1/overrides", values).json()["id"]
    assert [refused_by(sold.get("/v1/whoami")) for _ in range(2)] == [[], ["monthly"]]
    api.delete(f"/v1/overrides/{override}")
    assert refused_by(sold.get("/v1/whoami")) == []


def test_adjustment(api: Caller, sold: Caller) -> None:
    path = path_of(sold)
    api.post("/v1/owners/acme/limits/monthly/adjust", {"used": 1000, "reason": "x"})
    api.post(f"{path}/limits/fast/adjust", {"used": 5, "reason": "x"})
    assert sorted(refused_by(sold.get("/v1/whoami"))) == ["fast", "monthly"]
    api.post("/v1/owners/acme/limits/monthly/adjust", {"add": -1, "reason": "x"})
    api.post(f"{path}/limits/fast/adjust", {"used": 0, "reason": "x"})
    assert [refused_by(sold.get("/v1/whoami")) for _ in range(2)] == [[], ["monthly"]]


def test_plan_of_owner_and_of_key(api: Caller, sold: Caller) -> None:
    path = path_of(sold)
    api.post("/v1/plans", {"name": "own", "limits": [{"name": "other", "rate": {"burst": 1, "per_seconds": MONTH}}]})
    api.patch(path, {"plan": "own"})
    assert [refused_by(sold.get("/v1/whoami")) for _ in range(2)] == [[], ["other"]]
    api.patch(path, {"plan": None})
    assert refused_by(sold.get("/v1/whoami")) == []
    assert states(api.get(f"{path}/limits"))["fast"]["used"] == 2
    api.patch("/v1/owners/acme", {"plan": None})
    assert [refused_by(sold.get("/v1/whoami")) for _ in range(9)] == [[]] * 9
    assert states(api.get(f"{path}/limits")) == {}


@pytest.mark.parametrize(("scopes", "status"), [(["keys:write"], 403), (["keys:write", "owners:write"], 200)])
@pytest.mark.parametrize(("before", "after"), [("ACME", ""), ("ACME", "other"), ("other", "ACME")])
def test_move_between_owners_needs_their_scope(
    api: Caller, service: ConfigService, sold: Caller, scopes: list[str], status: int, before: str, after: str
) -> None:
    caller = Caller(service.issue({"label": "x", "scopes": scopes}).credential.reveal())
    path = f"/v1/keys/{service.issue({'label': 'x', 'owner': before}).key.key_id}"
    answer = caller.patch(path, {"owner": after})
    assert answer.status_code == status
    assert api.get(path).json()["owner"] == (after if status == 200 else before)
    if status == 403:
        assert "owners:write" in answer.json()["detail"]


def test_owner_without_a_row_is_a_text(api: Caller, service: ConfigService, sold: Caller) -> None:
    caller = Caller(service.issue({"label": "x", "scopes": ["keys:write"]}).credential.reveal())
    path = f"/v1/keys/{service.issue({'label': 'x', 'owner': 'ada'}).key.key_id}"
    assert caller.patch(path, {"owner": "grace"}).status_code == 200
    # A key that is issued for an owner has the owner's limits.
    assert caller.post("/v1/keys", {"label": "x", "owner": "ACME"}).status_code == 201
    same = path_of(sold)
    assert caller.patch(same, {"owner": "ACME", "label": "y"}).status_code == 200
