"""Requests that meet newer policies on the fast path: they share one read, and are decided there after it."""

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from apikeys.config_service import ConfigService
from apikeys.policies import policies as policies_of_process
from apikeys.policies.service import PolicyService
from apikeys.policies.snapshot import read_after
from events.origin import Origin
from gateway.native.check_responses import delayed
from tests.gateway.endpoints import FakeReply, accepted_by_fast_path, by_fast_path, check, scope_of

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = 5


@pytest.fixture
def policies(db: None) -> PolicyService:
    return PolicyService(Origin("command:test", "request-of-test"))


@pytest.fixture
def credentials(service: ConfigService, policies: PolicyService) -> list[str]:
    """Those of keys that the process knows; every other one has a plan."""
    policies.create_plan({"name": "gold", "limits": [{"name": "second", "rate": {"burst": 9, "per_seconds": 3600}}]})
    plans = [{"plan": "gold"} if number % 2 else {} for number in range(KEYS)]
    found = [service.issue({"label": "x", **plan}).credential.reveal() for plan in plans]
    assert [check(by_fast_path, one).status for one in found for _ in range(2)] == [204] * KEYS * 2
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The newest number known at each read of the policies."""
    found: list[int] = []

    def counted(known: Any, newest: int, now: Any) -> Any:
        found.append(newest)
        return read_after(known, newest, now)

    monkeypatch.setattr(policies_of_process, "read_after", counted)
    return found


def replies_to(credentials: list[str]) -> list[FakeReply]:
    """The replies to requests of one iteration of the event loop."""

    async def ask() -> list[FakeReply]:
        replies = [FakeReply(scope_of("GET", "/v1/check", "", {"X-API-Key": one})) for one in credentials]
        assert all(map(accepted_by_fast_path, replies))
        for reply in replies:
            await reply.done.wait()
        return replies

    return asyncio.run(ask())


def test_all_are_decided_after_one_read(credentials: list[str], policies: PolicyService, reads: list[int]) -> None:
    policies.change_plan("gold", {"limits": [{"name": "second", "rate": {"burst": 1, "per_seconds": 3600}}]})
    statuses = [(reply.whole or b"")[9:12] for reply in replies_to(credentials)]
    assert statuses == [b"429" if number % 2 else b"204" for number in range(KEYS)]
    assert len(reads) == 1
    assert delayed.waiting == 0


def test_application_decides_if_the_policies_can_not_be_read(
    credentials: list[str], policies: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.create_plan({"name": "silver", "limits": []})

    def down(*_: object) -> None:
        raise OperationalError("down")

    with monkeypatch.context() as outage:
        outage.setattr(policies_of_process, "read_after", down)
        assert [reply.whole for reply in replies_to(credentials)] == [None] * KEYS
    assert all(reply.whole for reply in replies_to(credentials))
