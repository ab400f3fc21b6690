"""The calls about limits, of both clients, against a server that answers as told."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from latchkey import AsyncClient, Client
from latchkey.client.failures import NoResponse, WrongServer
from latchkey.client.limit import Limit
from latchkey.client.retries import RetryPolicy
from latchkey.credentials import generate_key_id
from tests.latchkey.client.responses import CREDENTIAL, KEY_ID, json_response
from tests.latchkey.plans import LIMIT, RATE_LIMIT
from tests.latchkey.stub import Stub, StubResponse, stub

OTHER = generate_key_id()
PATHS = [f"/v1/keys/{KEY_ID}/limits", f"/v1/keys/{OTHER}/limits", "/v1/owners/acme/limits"]


def test_limits_have_types(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response({"limits": [LIMIT, RATE_LIMIT]})] * 3
    quota, rate = client.limits.list()
    assert (quota.name, quota.unit, quota.mode, quota.shared) == ("monthly", "tokens", "observe", "owner")
    assert (quota.limit, quota.used, quota.remaining) == (1_000_000, 812_345, 187_655)
    assert (quota.resets_at, rate.resets_at) == (datetime(2099, 2, 1, tzinfo=UTC), None)
    client.limits.list(OTHER)
    client.limits.list(owner="acme")
    assert [request.target for request in server.requests] == PATHS


def test_limit_that_the_server_cannot_read(client: Client, responses: list[StubResponse]) -> None:
    responses.append(json_response({"limits": [{**LIMIT, "used": None, "remaining": None}]}))
    (limit,) = client.limits.list()
    assert (limit.used, limit.remaining, limit.limit) == (None, None, 1_000_000)


def test_adjustments(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response({**LIMIT, "used": 0}), json_response(LIMIT)]
    assert client.limits.adjust("monthly", owner="acme", used=0, reason="outage").used == 0
    client.limits.adjust("monthly", key_id=OTHER, add=-500, reason="goodwill")
    assert [(request.method, request.target, json.loads(request.body)) for request in server.requests] == [
        ("POST", "/v1/owners/acme/limits/monthly/adjust", {"used": 0, "reason": "outage"}),
        ("POST", f"/v1/keys/{OTHER}/limits/monthly/adjust", {"add": -500, "reason": "goodwill"}),
    ]


def test_only_an_absolute_adjustment_is_repeated(sleeps: list[float]) -> None:
    """The response to the first call of each is lost."""
    responses = [None, json_response(LIMIT), None]
    with stub(lambda _: responses.pop(0)) as server, Client(server.url, CREDENTIAL, sleep=sleeps.append) as client:
        retrying = client.with_retries(RetryPolicy())
        assert retrying.limits.adjust("monthly", used=5, reason="x").name == "monthly"
        with pytest.raises(NoResponse):
            retrying.limits.adjust("monthly", add=5, reason="x")
    assert [json.loads(request.body) for request in server.requests] == [
        {"used": 5, "reason": "x"}, {"used": 5, "reason": "x"}, {"add": 5, "reason": "x"},
    ]  # fmt: skip


def test_what_is_meant_has_to_be_clear(client: Client, server: Stub) -> None:
    with pytest.raises(ValueError, match="a key or an owner"):
        client.limits.list(OTHER, owner="acme")
    with pytest.raises(ValueError, match="used or add"):
        client.limits.adjust("monthly", reason="x")
    with pytest.raises(ValueError, match="used or add"):
        client.limits.adjust("monthly", reason="x", used=1, add=1)
    with pytest.raises(ValueError, match="key ID"):
        client.limits.list("acme")
    with Client(server.url) as without_key, pytest.raises(ValueError, match="key ID"):
        without_key.limits.list()
    assert server.requests == []


@pytest.mark.parametrize("value", [[LIMIT], {}, {"limits": [1]}, {"limits": [{**LIMIT, "limit": None}]}])
def test_list_of_another_shape_is_from_a_wrong_server(
    client: Client, responses: list[StubResponse], value: object
) -> None:
    responses.append(json_response(value))
    with pytest.raises(WrongServer):
        client.limits.list()


def test_asynchronous_client_has_the_same_calls(server: Stub, responses: list[StubResponse]) -> None:
    async def calls() -> tuple[tuple[Limit, ...], Limit]:
        async with AsyncClient(server.url, CREDENTIAL) as client:
            listed = await client.limits.list()
            await client.limits.list(OTHER)
            await client.limits.list(owner="acme")
            return listed, await client.limits.adjust("monthly", owner="acme", add=5, reason="x")

    responses += [*[json_response({"limits": [LIMIT]})] * 3, json_response(LIMIT)]
    listed, adjusted = asyncio.run(calls())
    assert listed == (adjusted,)
    *gets, post = server.requests
    assert [request.target for request in gets] == PATHS
    assert (post.target, json.loads(post.body)) == (
        "/v1/owners/acme/limits/monthly/adjust",
        {"add": 5, "reason": "x"},
    )


def test_caller_has_its_limits(client: Client, responses: list[StubResponse]) -> None:
    caller: dict[str, Any] = {
        "key_id": KEY_ID, "label": "", "owner": "", "scopes": [], "rate_limit": None, "remaining": None,
        "request_id": "a",
    }  # fmt: skip
    responses += [json_response(caller), json_response({**caller, "plan": "pro", "limits": [LIMIT]})]
    assert client.whoami().limits == ()
    found = client.whoami()
    assert (found.plan, [limit.name for limit in found.limits]) == ("pro", ["monthly"])


def test_costs_in_other_units(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response({"valid": True, "code": "VALID"})] * 2
    client.verify(CREDENTIAL, cost=1, costs={"tokens": 350})
    client.verify(CREDENTIAL, costs={})
    bodies = [json.loads(request.body) for request in server.requests]
    assert [body.get("costs") for body in bodies] == [{"tokens": 350}, None]
    assert "costs" not in bodies[1], "servers of earlier versions don't know it"
    with pytest.raises(ValueError, match="either cost or"):
        client.verify(CREDENTIAL, cost=2, costs={"requests": 3})
