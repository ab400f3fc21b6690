"""The calls about plans, owners and overrides against a server that answers as told."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from latchkey import Client
from latchkey.client.failures import WrongServer
from latchkey.client.plan import PlanLimit, Quota
from latchkey.client.rate_limit import RateLimit
from tests.latchkey.client.responses import KEY, KEY_ID, json_response
from tests.latchkey.plans import KEY_OVERRIDE, LIMIT, OVERRIDE, OWNER, PLAN, QUOTA, RATE, SLOTS
from tests.latchkey.stub import Request, Stub, StubResponse

DELETED = StubResponse(204, {}, b"")


def sent(server: Stub) -> list[tuple[str, str, Any]]:
    """Method, target and body of every request."""

    def body(request: Request) -> Any:
        return json.loads(request.body) if request.body else None

    return [(request.method, request.target, body(request)) for request in server.requests]


def test_plan_has_types(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses.append(json_response({**PLAN, "of_a_later_version": 1}, ETag='"4"'))
    plan = client.plans.show("pro")
    rate, quota, slots = plan.limits
    assert rate == PlanLimit("per_second", rate=RateLimit(100, 1))
    assert (quota.unit, quota.mode, quota.shared) == ("tokens", "observe", "owner")
    assert quota.quota == Quota(1_000_000, "month", "Europe/Berlin", "anchor")
    assert (slots.rate, slots.quota, slots.concurrency) == (None, None, 5)
    assert (plan.etag, plan.document["of_a_later_version"]) == ('"4"', 1)
    assert [limit.as_json() for limit in plan.limits] == [RATE, QUOTA, SLOTS]
    assert sent(server) == [("GET", "/v1/plans/pro", None)]


def test_plans_are_created_changed_and_removed(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(PLAN, 201), json_response(PLAN), DELETED]
    client.plans.create("pro", [PlanLimit("per_second", rate=RateLimit(100, 1)), QUOTA])
    client.plans.update("pro", [SLOTS], if_match='"4"')
    client.plans.remove("pro")
    assert sent(server) == [
        ("POST", "/v1/plans", {"name": "pro", "limits": [RATE, QUOTA]}),
        ("PATCH", "/v1/plans/pro", {"limits": [SLOTS]}),
        ("DELETE", "/v1/plans/pro", None),
    ]
    assert [request.fields.get("if-match") for request in server.requests] == [None, '"4"', None]


def test_pages_are_one_iterator(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [
        json_response({"items": [PLAN], "next": "abc"}),
        json_response({"items": [{**PLAN, "name": "free"}], "next": None}),
        json_response({"items": [OWNER], "next": None}),
        json_response({"items": [OVERRIDE, KEY_OVERRIDE], "next": None}),
        json_response({"items": [], "next": "xyz"}),
    ]
    assert [plan.name for plan in client.plans.list()] == ["pro", "free"]
    assert [owner.slug for owner in client.owners.list()] == ["acme"]
    assert [override.id for override in client.overrides.list(key_id=KEY_ID)] == [7, 8]
    assert client.overrides.page(cursor="x", limit=5, owner="acme").next == "xyz"
    assert [target for _, target, _ in sent(server)] == [
        "/v1/plans",
        "/v1/plans?cursor=abc",
        "/v1/owners",
        f"/v1/overrides?key_id={KEY_ID}",
        "/v1/overrides?cursor=x&limit=5&owner=acme",
    ]


def test_owner_has_types(client: Client, responses: list[StubResponse], server: Stub) -> None:
    bare: dict[str, Any] = {
        "name": "b",
        "slug": "b",
        "display_name": "",
        "contacts": [],
        "period_anchor": None,
        "plan": None,
    }
    responses += [json_response(OWNER, ETag='"2"'), json_response(bare)]
    owner = client.owners.show("acme")
    assert (owner.name, owner.slug, owner.plan, owner.etag) == ("ACME Inc.", "acme", "pro", '"2"')
    assert (owner.contacts, owner.period_anchor) == (("ops@acme.example",), date(2027, 1, 31))
    other = client.owners.show("b")
    assert (other.period_anchor, other.plan, other.contacts) == (None, None, ())


def test_owners_are_created_changed_and_removed(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(OWNER, 201), json_response(OWNER), DELETED]
    client.owners.create("ACME Inc.", period_anchor=date(2027, 1, 31), plan="pro")
    client.owners.update("acme", plan=None, period_anchor=None, contacts=["a", "b"], if_match='"2"')
    client.owners.remove("acme")
    assert sent(server) == [
        ("POST", "/v1/owners", {"name": "ACME Inc.", "period_anchor": "2027-01-31", "plan": "pro"}),
        ("PATCH", "/v1/owners/acme", {"plan": None, "period_anchor": None, "contacts": ["a", "b"]}),
        ("DELETE", "/v1/owners/acme", None),
    ]
    assert server.requests[1].fields["if-match"] == '"2"'


def test_overrides(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(OVERRIDE, 201), json_response(KEY_OVERRIDE, 201), DELETED]
    end = datetime(2099, 2, 1, tzinfo=UTC)
    granted = client.overrides.grant("monthly", owner="acme", quota=2_000_000, until=end, reason="launch")
    assert (granted.owner, granted.key_id, granted.quota, granted.rate) == ("acme", None, 2_000_000, None)
    assert (granted.until, granted.ended_at) == (end, None)
    other = client.overrides.grant("per_second", key_id=KEY_ID, rate=RateLimit(2000, 1), until=end, reason="launch")
    assert (other.key_id, other.owner, other.rate) == (KEY_ID, None, RateLimit(2000, 1))
    client.overrides.end(7)
    common = {"until": "2099-02-01T00:00:00Z", "reason": "launch"}
    assert sent(server) == [
        ("POST", "/v1/overrides", {"owner": "acme", "limit": "monthly", "quota": 2_000_000, **common}),
        (
            "POST",
            "/v1/overrides",
            {"key_id": KEY_ID, "limit": "per_second", "rate": {"burst": 2000, "per_seconds": 1}, **common},
        ),
        ("DELETE", "/v1/overrides/7", None),
    ]


def test_override_without_a_reason(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses.append(json_response({name: value for name, value in OVERRIDE.items() if name != "reason"}, 201))
    granted = client.overrides.grant("monthly", owner="acme", quota=5, until=datetime(2099, 2, 1, tzinfo=UTC))
    assert (granted.reason, "reason" in json.loads(server.requests[0].body)) == ("", False)


def test_key_has_its_plan_and_limits(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response({**KEY, "plan": "pro", "limits": [LIMIT]}), json_response(KEY), json_response(KEY)]
    key = client.keys.update(KEY_ID, plan="pro")
    assert (getattr(key, "plan", ""), [limit.name for limit in getattr(key, "limits", ())]) == ("pro", ["monthly"])
    before_plans = client.keys.show(KEY_ID)
    assert (before_plans.plan, before_plans.limits) == (None, ())
    client.keys.update(KEY_ID, plan=None)
    assert [body for _, _, body in sent(server)] == [{"plan": "pro"}, None, {"plan": None}]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a?x=1", "a b", "ä", "x" * 129])
def test_other_texts_are_no_names(client: Client, server: Stub, name: str) -> None:
    for call in (client.plans.show, client.plans.remove, client.owners.show, client.owners.remove):
        with pytest.raises(ValueError, match="a name must be"):
            call(name)
    with pytest.raises(ValueError, match="a name must be"):
        client.limits.list(owner=name)
    assert server.requests == []


@pytest.mark.parametrize(
    "change",
    [
        {"limits": None},
        {"limits": [{**RATE, "rate": {"burst": "100", "per_seconds": 1}}]},
        {"limits": [{**QUOTA, "quota": 5}]},
        {"limits": [{**SLOTS, "name": None}]},
    ],
)
def test_plan_of_another_shape_is_from_a_wrong_server(
    client: Client, responses: list[StubResponse], change: dict[str, object]
) -> None:
    responses.append(json_response({**PLAN, **change}))
    with pytest.raises(WrongServer):
        client.plans.show("pro")


@pytest.mark.parametrize("period_anchor", ["31.01.2027", 20270131])
def test_date_of_another_shape_is_from_a_wrong_server(
    client: Client, responses: list[StubResponse], period_anchor: object
) -> None:
    responses.append(json_response({**OWNER, "period_anchor": period_anchor}))
    with pytest.raises(WrongServer):
        client.owners.show("acme")
