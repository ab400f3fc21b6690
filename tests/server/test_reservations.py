"""Reservations over several workers: what is taken is exact, and what is settled is left exactly."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from latchkey import AsyncClient, Client
from latchkey.client.plan import PlanLimit, Quota
from latchkey.client.rate_limit import RateLimit
from latchkey.client.reservation import NotReserved, Reservation
from latchkey.client.retries import RetryPolicy
from latchkey.credentials import Credential
from tests.support.server import RunningServer

WRITE_USAGE = """
from apikeys.usage.rollup import UsageRollup
from ratelimit.limiter import default_limiter
UsageRollup(default_limiter().store).write_pending()
"""


@pytest.fixture
def client(server: RunningServer, root: str) -> Any:
    """A client for all threads of a test."""
    with Client(server.url, root, timeout_seconds=60) as client:
        yield client


def issue(client: Client, *limits: PlanLimit, name: str) -> tuple[str, Credential]:
    client.plans.create(name, limits)
    issued = client.keys.create("reserving", plan=name, rate_limit=RateLimit(60, 2_678_400))
    return issued.key.key_id, issued.credential


def used(client: Client, key_id: str) -> dict[str, int | None]:
    return {limit.name: limit.used for limit in client.limits.list(key_id)}


def in_parallel(count: int, call: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_parallel_reservations_are_exact(server: RunningServer, client: Client) -> None:
    """20 of 1,000 tokens against 10,000, of which 10 pass. Half of each is given back."""
    assert len(server.worker_pids()) == 4
    budget = PlanLimit("budget", unit="tokens", quota=Quota(10_000, "once"))
    key_id, credential = issue(client, budget, PlanLimit("streams", concurrency=12), name="exact")

    def reserve(_: int) -> Reservation | tuple[str, ...]:
        try:
            return client.reserve(credential, costs={"tokens": 1000})
        except NotReserved as refused:
            return refused.verification.violated_policies

    answers = in_parallel(20, reserve)
    reservations = [answer for answer in answers if isinstance(answer, Reservation)]
    assert Counter(answer for answer in answers if not isinstance(answer, Reservation)) == {("budget",): 10}
    assert len({reservation.id for reservation in reservations}) == 10
    assert used(client, key_id) == {"key": 10, "budget": 10_000, "streams": 10}
    # Each is settled twice at the same time.
    settled = in_parallel(20, lambda place: reservations[place % 10].settle(tokens=500))
    assert all(settled[place] == settled[place + 10] for place in range(10))
    assert [[limit.returned for limit in one.limits] for one in settled[:10]] == [[0, 500]] * 10
    assert used(client, key_id) == {"key": 10, "budget": 5000, "streams": 0}
    with client.reserve(credential, costs={"tokens": 5000}):
        assert used(client, key_id)["budget"] == 10_000
    assert used(client, key_id) == {"key": 10, "budget": 5000, "streams": 0}
    # What a steward does a few seconds later.
    server.manage("shell", "-v0", "-c", WRITE_USAGE)
    units = [step.units["tokens"] for step in client.usage(key_id) if step.units]
    assert (sum(unit.charged for unit in units), sum(unit.returned for unit in units)) == (15_000, 10_000)


def test_slots_are_held_across_workers(client: Client) -> None:
    key_id, credential = issue(client, PlanLimit("streams", concurrency=5), name="streams")

    def reserve(_: int) -> Reservation | None:
        try:
            return client.reserve(credential)
        except NotReserved:
            return None

    held = [one for one in in_parallel(16, reserve) if one is not None]
    assert len(held) == used(client, key_id)["streams"] == 5
    in_parallel(5, lambda place: held[place].cancel())
    assert used(client, key_id)["streams"] == 0


def test_block_of_a_client(client: Client) -> None:
    budget = PlanLimit("budget", unit="tokens", quota=Quota(1000, "once"))
    key_id, credential = issue(client, budget, name="block")
    with client.with_retries(RetryPolicy()).reserve(credential, costs={"tokens": 800}, ttl=60) as reservation:
        assert re.fullmatch("res_[0-9a-z]{12}_[0-9A-Za-z]{22}", reservation.id)
        reservation.settle(tokens=512)
    assert used(client, key_id)["budget"] == 512
    with pytest.raises(ZeroDivisionError), client.reserve(credential, costs={"tokens": 400}):
        raise ZeroDivisionError
    assert used(client, key_id)["budget"] == 512


def test_parallel_requests_with_one_idempotency_key_reserve_once(
    server: RunningServer, root: str, client: Client
) -> None:
    budget = PlanLimit("budget", unit="tokens", quota=Quota(1000, "once"))
    key_id, credential = issue(client, budget, name="once")
    body = {"credential": credential.reveal(), "costs": {"tokens": 300}, "ttl_seconds": 60}
    sent = {"X-API-Key": root, "Idempotency-Key": "job-7"}

    def reserve(_: int) -> httpx.Response:
        return httpx.post(f"{server.url}/v1/reservations", json=body, headers=sent, timeout=60)

    answers = in_parallel(8, reserve)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["reservation"] for answer in answers}) == 1
    assert used(client, key_id) == {"key": 1, "budget": 300}


def test_block_of_an_asynchronous_client(server: RunningServer, root: str, client: Client) -> None:
    budget = PlanLimit("budget", unit="tokens", quota=Quota(1000, "once"))
    key_id, credential = issue(client, budget, name="asynchronous")

    async def work(spent: int) -> None:
        async with (
            AsyncClient(server.url, root, timeout_seconds=60) as asynchronous,
            asynchronous.reserve(credential, costs={"tokens": 200}) as reservation,
        ):
            await reservation.extend(600)
            if spent:
                await reservation.settle(tokens=spent)

    async def all_of_them() -> None:
        await asyncio.gather(*(work(spent) for spent in (0, 10, 20, 30)))

    asyncio.run(all_of_them())
    assert used(client, key_id)["budget"] == 60
