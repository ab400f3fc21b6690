"""How reservations end: cancelled, extended, expired, or those of others."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from apikeys.config_service import ConfigService
from apikeys.policies.service import PolicyService
from ratelimit.stores import MemoryStore
from tests.conftest import Caller, Clock
from tests.gateway.reservations.asking import STREAMS, TOKENS, UNKNOWN, issue, made, reserve, settle, slug, used

pytestmark = pytest.mark.django_db(transaction=True)


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
