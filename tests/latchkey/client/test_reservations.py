"""Reservations of both clients, against a server that answers as told."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from latchkey import AsyncClient, Client
from latchkey.client.failures import ReceivedProblem, WrongServer
from latchkey.client.reservation import NotReserved
from latchkey.client.retries import RetryPolicy
from latchkey.client.settlement import Settlement
from tests.latchkey.client.responses import CREDENTIAL, KEY_ID, json_response, problem_response
from tests.latchkey.stub import Stub, StubResponse, stub

ID = f"res_{KEY_ID.removeprefix('lk_')}_0123456789abcdefghijkl"
VERDICT: dict[str, Any] = {
    "key_id": KEY_ID,
    "label": "",
    "owner": "acme",
    "scopes": [],
    "metadata": {},
    "rate_limit": None,
}
MADE = {
    "reservation": ID,
    "valid": True,
    "code": "VALID",
    "expires_at": "2099-02-01T00:00:00Z",
    "limits": [],
    **VERDICT,
}
REFUSED = {
    **MADE,
    "valid": False,
    "code": "RATE_LIMITED",
    "reservation": None,
    "expires_at": None,
    "violated_policies": ["budget"],
}
LIMIT = {
    "name": "budget", "unit": "tokens", "reserved": 800, "cost": 512, "charged": 0, "returned": 288, "forgiven": 0,
    "used": 512,
}  # fmt: skip
SETTLED = {
    "reservation": ID,
    "settled_at": "2099-02-01T00:00:00Z",
    "limits": [LIMIT, {**LIMIT, "unit": None, "used": None}],
}
DELETED = StubResponse(204, {}, b"")


def calls(server: Stub) -> list[tuple[str, str, Any]]:
    return [
        (request.method, request.target, json.loads(request.body) if request.body else None)
        for request in server.requests
    ]


def test_block_reserves_and_settles(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [
        json_response(MADE, 201),
        json_response({"expires_at": "2099-03-01T00:00:00Z"}),
        json_response(SETTLED),
    ]
    with client.reserve(CREDENTIAL, scopes=["a:b"], costs={"tokens": 800}, ttl=30) as reservation:
        assert (reservation.id, reservation.expires_at) == (ID, datetime(2099, 2, 1, tzinfo=UTC))
        assert reservation.verification.owner == "acme"
        assert reservation.extend(600) == reservation.expires_at == datetime(2099, 3, 1, tzinfo=UTC)
        settled = reservation.settle(tokens=512)
    assert (settled.reservation_id, settled.settled_at) == (ID, datetime(2099, 2, 1, tzinfo=UTC))
    known, gone = settled.limits
    assert (known.name, known.unit, known.reserved, known.returned, known.used) == ("budget", "tokens", 800, 288, 512)
    assert (gone.unit, gone.used) == (None, None)
    sent = {
        "credential": CREDENTIAL.reveal(),
        "scopes": ["a:b"],
        "costs": {"tokens": 800},
        "cost": 1,
        "ttl_seconds": 30,
    }
    assert calls(server) == [
        ("POST", "/v1/reservations", sent),
        ("POST", f"/v1/reservations/{ID}/extend", {"ttl_seconds": 600}),
        ("POST", f"/v1/reservations/{ID}/settle", {"costs": {"tokens": 512}, "cost": 1}),
    ]
    assert "idempotency-key" not in server.requests[0].fields, "the call is not repeated"


def test_costs_can_be_named_in_two_ways(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(MADE, 201), json_response(SETTLED), json_response(SETTLED)]
    reservation = client.reserve(CREDENTIAL)
    reservation.settle({"gpu-seconds": 7}, cost=0, tokens=3)
    reservation.settle(requests=2)
    bodies = [body for _, _, body in calls(server)][1:]
    assert bodies == [{"costs": {"gpu-seconds": 7, "tokens": 3}, "cost": 0}, {"costs": {"requests": 2}}]
    with pytest.raises(ValueError, match="requests"):
        reservation.settle(requests=2, cost=3)


@pytest.mark.parametrize("failure", [None, KeyError])
def test_block_without_settlement_cancels(
    client: Client, responses: list[StubResponse], server: Stub, failure: type[Exception] | None
) -> None:
    def work() -> None:
        with client.reserve(CREDENTIAL):
            if failure:
                raise failure

    responses += [json_response(MADE, 201), DELETED]
    if failure:
        with pytest.raises(failure):
            work()
    else:
        work()
    assert calls(server)[1:] == [("DELETE", f"/v1/reservations/{ID}", None)]


def test_error_of_the_block_hides_no_other_and_that_of_the_end_is_seen(
    client: Client, responses: list[StubResponse]
) -> None:
    expired = problem_response(409, "reservation-expired")
    responses += [json_response(MADE, 201), expired, json_response(MADE, 201), expired]
    with pytest.raises(KeyError), client.reserve(CREDENTIAL):
        raise KeyError
    with pytest.raises(ReceivedProblem) as raised, client.reserve(CREDENTIAL):
        pass
    assert raised.value.slug == "reservation-expired"


def test_failed_settlement_cancels_nothing(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(MADE, 201), problem_response(503, "unavailable")]
    with pytest.raises(ReceivedProblem), client.reserve(CREDENTIAL) as reservation:
        reservation.settle(tokens=5)
    assert [method for method, _, _ in calls(server)] == ["POST", "POST"]


def test_refused_reservation_runs_no_block(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses.append(json_response(REFUSED, 200, **{"X-Request-Id": "seen.1"}))
    with pytest.raises(NotReserved) as raised, client.reserve(CREDENTIAL):
        raise AssertionError("nothing was reserved")
    verification = raised.value.verification
    assert (verification.code, verification.violated_policies) == ("RATE_LIMITED", ("budget",))
    assert raised.value.request_id == "seen.1"
    assert len(server.requests) == 1


def test_repeated_call_has_an_idempotency_key(sleeps: list[float]) -> None:
    """The response to the first of each call is lost."""
    responses = [None, json_response(MADE, 201), None, json_response(SETTLED), None, DELETED]
    with stub(lambda _: responses.pop(0)) as server, Client(server.url, CREDENTIAL, sleep=sleeps.append) as client:
        reservation = client.with_retries(RetryPolicy()).reserve(CREDENTIAL)
        reservation.settle(tokens=1)
        reservation.cancel()
    first, again, *others = server.requests
    assert first.fields["idempotency-key"] == again.fields["idempotency-key"]
    assert [request.method for request in others] == ["POST", "POST", "DELETE", "DELETE"]


def test_reservation_by_its_id(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(SETTLED), json_response({"expires_at": "2099-03-01T00:00:00Z"}), DELETED]
    assert client.reservations.settle(ID, costs={"tokens": 1}).reservation_id == ID
    client.reservations.extend(ID, 5)
    client.reservations.cancel(ID)
    for wrong in ("", "res_", "res_a/../../keys", KEY_ID, f"{ID}?"):
        with pytest.raises(ValueError, match="res_"):
            client.reservations.cancel(wrong)
    assert [target for _, target, _ in calls(server)] == [
        f"/v1/reservations/{ID}{end}" for end in ("/settle", "/extend", "")
    ]


@pytest.mark.parametrize("value", [{**MADE, "reservation": None}, {**MADE, "expires_at": "soon"}, [MADE]])
def test_reservation_of_another_shape(client: Client, responses: list[StubResponse], value: object) -> None:
    responses.append(json_response(value, 201))
    with pytest.raises(WrongServer):
        client.reserve(CREDENTIAL)


def test_asynchronous_client_has_the_same_calls(server: Stub, responses: list[StubResponse]) -> None:
    async def work() -> Settlement:
        async with AsyncClient(server.url, CREDENTIAL) as client:
            async with client.reserve(CREDENTIAL, costs={"tokens": 800}) as reservation:
                await reservation.extend(600)
                settled = await reservation.settle(tokens=512)
            with pytest.raises(KeyError):
                async with client.reserve(CREDENTIAL):
                    raise KeyError
            async with client.reserve(CREDENTIAL):
                pass
            alone = await client.reserve(CREDENTIAL)
            await client.reservations.settle(alone.id)
            await client.reservations.cancel(alone.id)
            await client.reservations.extend(alone.id, 9)
            with pytest.raises(NotReserved):
                async with client.reserve(CREDENTIAL):
                    raise AssertionError("nothing was reserved")
            return settled

    made, extended = json_response(MADE, 201), json_response({"expires_at": "2099-03-01T00:00:00Z"})
    responses += [
        made, extended, json_response(SETTLED), made, DELETED, made, DELETED, made, json_response(SETTLED), DELETED,
        extended, json_response(REFUSED),
    ]  # fmt: skip
    settled = asyncio.run(work())
    assert [limit.cost for limit in settled.limits] == [512, 512]
    one = f"/v1/reservations/{ID}"
    assert [(method, target) for method, target, _ in calls(server)] == [
        ("POST", "/v1/reservations"), ("POST", f"{one}/extend"), ("POST", f"{one}/settle"),
        ("POST", "/v1/reservations"), ("DELETE", one), ("POST", "/v1/reservations"), ("DELETE", one),
        ("POST", "/v1/reservations"), ("POST", f"{one}/settle"), ("DELETE", one), ("POST", f"{one}/extend"),
        ("POST", "/v1/reservations"),
    ]  # fmt: skip
