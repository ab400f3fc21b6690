"""/v1/plans: create, list, show, change and delete, as a client sees them."""

import pytest

from apikeys.config_service import ConfigService
from apikeys.models import Plan
from events.models import Event
from tests.api.plans import MONTHLY, RATE, pointers
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

SHOWN_MONTHLY = {
    "name": "monthly",
    "unit": "requests",
    "mode": "enforce",
    "shared": "owner",
    "quota": {"quota": 1000, "per": "month", "timezone": "UTC", "starts": "calendar"},
}


def test_create_and_show(api: Caller) -> None:
    created = api.post("/v1/plans", {"name": "team", "limits": [RATE, MONTHLY]})
    assert created.status_code == 201
    assert (created["Location"], created["ETag"]) == ("/v1/plans/team", '"1"')
    rate = {"name": "per_second", "unit": "requests", "mode": "enforce", "shared": "key", "rate": RATE["rate"]}
    assert created.json() == {"name": "team", "limits": [rate, SHOWN_MONTHLY]}
    shown = api.get("/v1/plans/team")
    assert (shown.json(), shown["ETag"]) == (created.json(), '"1"')
    assert Event.objects.latest("id").type == "PlanCreated"
    assert api.get("/v1/plans/other").status_code == api.get("/v1/plans/Team").status_code == 404


def test_second_plan_needs_another_name(api: Caller) -> None:
    assert api.post("/v1/plans", {"name": "team", "limits": []}).status_code == 201
    assert "/name" in pointers(api.post("/v1/plans", {"name": "team", "limits": []}))


def test_all_faults_are_reported_with_their_pointers(api: Caller) -> None:
    limits = [
        {"name": "key", "rate": {"burst": 0, "per_seconds": 1}},
        {"name": "a", "quota": {"quota": 1, "per": "year", "timezone": "Mars/Base"}, "mode": "warn"},
        {"name": "b", "rate": {"burst": 1, "per_seconds": 1}, "concurrency": 1},
        7,
    ]
    found = pointers(api.post("/v1/plans", {"name": "A b", "limits": limits, "more": 1}))
    assert found == {
        "/name": "not-a-name",
        "/limits/0/name": "reserved",
        "/limits/0/rate/burst": "out-of-range",
        "/limits/1/quota/per": "not-a-choice",
        "/limits/1/quota/timezone": "not-a-timezone",
        "/limits/1/mode": "not-a-choice",
        "/limits/2": "not-exactly-one",
        "/limits/3": "not-an-object",
        "/more": "unknown-member",
    }
    assert not Plan.objects.exists()


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"limits": []}, [], {"name": None, "limits": None}])
def test_missing_fields_are_rejected(api: Caller, body: object) -> None:
    assert api.post("/v1/plans", body).status_code == 422


def test_pages(api: Caller) -> None:
    for name in ("a", "b", "c"):
        api.post("/v1/plans", {"name": name, "limits": []})
    first = api.get("/v1/plans?limit=2").json()
    assert [plan["name"] for plan in first["items"]] == ["c", "b"]
    second = api.get(f"/v1/plans?limit=2&cursor={first['next']}").json()
    assert ([plan["name"] for plan in second["items"]], second["next"]) == (["a"], None)
    assert pointers(api.get("/v1/plans?cursor=x")) == {"/cursor": "not-a-cursor"}


def test_idempotency_key(api: Caller) -> None:
    once = {"Idempotency-Key": "one"}
    first = api.post("/v1/plans", {"name": "a", "limits": []}, headers=once)
    again = api.post("/v1/plans", {"name": "a", "limits": []}, headers=once)
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (201, first.json())
    assert api.post("/v1/plans", {"name": "b", "limits": []}, headers=once).status_code == 422


def test_change_with_etag(api: Caller) -> None:
    first = api.post("/v1/plans", {"name": "team", "limits": [RATE]})["ETag"]
    bigger = {**RATE, "rate": {"burst": 200, "per_seconds": 1}}
    changed = api.patch("/v1/plans/team", {"limits": [bigger]}, headers={"If-Match": first})
    assert changed.status_code == 200
    assert changed.json()["limits"][0]["rate"]["burst"] == 200
    assert changed["X-Latchkey-Effective-By"]
    assert changed["ETag"] != first
    stale = api.patch("/v1/plans/team", {"limits": []}, headers={"If-Match": first})
    assert stale.status_code == 412
    assert api.delete("/v1/plans/team", headers={"If-Match": first}).status_code == 412
    assert api.get("/v1/plans/team").json() == changed.json()


def test_what_a_counter_counts_never_changes(api: Caller) -> None:
    api.post("/v1/plans", {"name": "team", "limits": [MONTHLY]})
    daily = {**MONTHLY, "quota": {"quota": 1000, "per": "day"}}
    assert list(pointers(api.patch("/v1/plans/team", {"limits": [daily]}))) == ["/limits/0"]


def test_plan_in_use_is_not_deleted(api: Caller, service: ConfigService) -> None:
    api.post("/v1/plans", {"name": "team", "limits": [RATE]})
    key_id = service.issue({"label": "x", "plan": "team"}).key.key_id
    refused = api.delete("/v1/plans/team")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "in-use")
    service.update(key_id, {"plan": None})
    assert api.delete("/v1/plans/team").status_code == 204
    assert api.get("/v1/plans/team").status_code == 404


def test_plan_of_key(api: Caller) -> None:
    for name, limits in (("team", [RATE]), ("shared", [MONTHLY])):
        api.post("/v1/plans", {"name": name, "limits": limits})
    created = api.post("/v1/keys", {"label": "x", "plan": "team"})
    path = created["Location"]
    assert created.json()["plan"] == api.get(path).json()["plan"] == "team"
    assert [key["key_id"] for key in api.get("/v1/keys?plan=team").json()["items"]] == [created.json()["key_id"]]
    assert api.get("/v1/keys?plan=other").json()["items"] == []
    assert list(pointers(api.post("/v1/keys", {"label": "x", "plan": "other"}))) == ["/plan"]
    assert list(pointers(api.patch(path, {"plan": "shared"}))) == ["/plan"]
    assert api.patch(path, {"plan": None}).json()["plan"] is None
    assert api.get("/v1/keys?plan=team").json()["items"] == []


def test_response_without_read_is_what_was_sent(api: Caller, service: ConfigService) -> None:
    api.post("/v1/plans", {"name": "team", "limits": [RATE]})
    writer = Caller(service.issue({"label": "w", "scopes": ["plans:write"]}).credential.reveal())
    assert writer.get("/v1/plans/team").status_code == 403
    assert writer.patch("/v1/plans/team", {}).json() == {"name": "team"}
    assert [limit["name"] for limit in writer.patch("/v1/plans/team", {"limits": [RATE]}).json()["limits"]] == [
        "per_second"
    ]
