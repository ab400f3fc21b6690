"""PolicyService: plans, and the number of the policies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Plan, PolicyNumber
from apikeys.policies.errors import InUse, PlanNotFound
from apikeys.policies.policy_change import publish_last_number
from apikeys.policies.service import PolicyService
from events.models import Event
from latchkey.preconditions import PreconditionFailed
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError, MemoryStore
from ratelimit.stores.fallback import FallbackStore
from ratelimit.stores.fallback_mode import FallbackMode
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.store import RedisStore
from tests.apikeys.policies.conftest import ORIGIN
from tests.apikeys.policies.stated import RATE, faults, quota, rate

pytestmark = pytest.mark.django_db(transaction=True)


def number() -> int:
    return PolicyNumber.objects.get().number


def test_plan_is_created_with_its_event_and_number(policies_service: PolicyService, limiter: Limiter) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a")]})
    plan = Plan.objects.get()
    assert plan.limits == [{"name": "a", "unit": "requests", "mode": "enforce", "shared": "key", "rate": RATE}]
    assert plan.number == number() == limiter.policy() == 1
    event = Event.objects.get()
    assert (event.type, event.actor, event.data) == (
        "PlanCreated",
        ORIGIN.actor,
        {"plan": "gold", "limits": plan.limits},
    )
    assert policies_service.effective_by is not None


def test_change_is_in_force_later_if_the_store_does_not_confirm_policies(db: None, settings: Settings) -> None:
    settings.DIRECTORY_STALE_SECONDS = 77
    redis = RedisStore(parse_address("redis://one,two?cluster=true"))
    cluster = FallbackStore(redis, None, FallbackMode.DENY, AsyncRedisStore(redis))
    limiter = Limiter(MemoryStore())
    now = datetime(2026, 11, 21, tzinfo=UTC)
    service = PolicyService(ORIGIN, limiter=limiter, now=lambda: now)
    service.create_plan({"name": "gold", "limits": []})
    assert service.effective_by == now
    # Its store is a memory, so that publication succeeds.
    limiter._fallback_store = cluster
    service.create_plan({"name": "silver", "limits": []})
    assert service.effective_by == now + timedelta(seconds=77)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [("/name", "missing"), ("/limits", "missing")]),
        ([], [("", "not-an-object")]),
        ({"name": "Gold", "limits": [{"name": "key"}]}, [("/name", "not-a-name"), ("/limits/0/name", "reserved"), ("/limits/0", "not-exactly-one")]),
        ({"name": "a", "limits": {}}, [("/limits", "not-an-array")]),
        ({"name": "a", "limits": [{"name": "q", "quota": {"quota": 1, "per": "year"}}]}, [("/limits/0/quota/per", "not-a-choice")]),
        ({"name": "a", "limits": [], "revision": 1}, [("/revision", "unknown-member")]),
        ({"name": "known", "limits": []}, [("/name", "not-unique")]),
    ],
)  # fmt: skip
def test_invalid_plan_is_rejected(
    policies_service: PolicyService, values: Any, expected: list[tuple[str, str]]
) -> None:
    policies_service.create_plan({"name": "known", "limits": []})
    assert sorted(faults(policies_service.create_plan, values)) == sorted(expected)
    assert number() == Event.objects.count() == 1


def test_limits_are_changed(policies_service: PolicyService, limiter: Limiter) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a"), quota("m")]})
    before = Plan.objects.get().limits
    plan = policies_service.change_plan("gold", {"limits": [quota("m", 5, mode="observe"), rate("a", 20), rate("b")]})
    assert (plan.revision, plan.number, limiter.policy()) == (2, 2, 2)
    event = Event.objects.get(type="PlanChanged")
    assert event.data == {"plan": "gold", "from": {"limits": before}, "to": {"limits": plan.limits}}
    assert Plan.objects.get().limits == plan.limits


def test_what_a_plan_has_already_is_no_change(policies_service: PolicyService, limiter: Limiter) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a")]})
    for values in ({}, {"limits": [rate("a")]}, {"limits": [rate("a", unit="requests")]}):
        assert policies_service.change_plan("gold", values).revision == 1
    assert (limiter.policy(), Event.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "limit",
    [
        rate("m"),
        quota("m", unit="tokens"),
        quota("m", per="day"),
        {"name": "m", "quota": {"quota": 1000, "per": "month", "timezone": "Asia/Tokyo"}},
        {"name": "m", "quota": {"quota": 1000, "per": "month", "starts": "anchor"}},
    ],
)
def test_limit_that_counts_something_else_needs_another_name(policies_service: PolicyService, limit: Any) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a"), quota("m")]})
    assert faults(policies_service.change_plan, "gold", {"limits": [rate("a"), limit]}) == [
        ("/limits/1", "another-name")
    ]
    policies_service.change_plan("gold", {"limits": [rate("a"), {**limit, "name": "n"}]})


def test_plan_of_keys_gets_no_owner_limits(policies_service: PolicyService, keys: ConfigService) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a")]})
    key = keys.issue({"label": "x", "plan": "gold"}).key
    shared = {"limits": [rate("a", shared="owner")]}
    assert faults(policies_service.change_plan, "gold", shared) == [("/limits/0/shared", "owner-plan")]
    keys.update(key.key_id, {"plan": None})
    policies_service.change_plan("gold", shared)


def test_no_key_gets_a_name_twice(policies_service: PolicyService, keys: ConfigService) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a")]})
    policies_service.create_plan({"name": "company", "limits": [rate("b", shared="owner")]})
    policies_service.create_owner({"name": "ACME", "plan": "company"})
    keys.issue({"label": "x", "owner": "ACME", "plan": "gold"})
    assert faults(policies_service.change_plan, "gold", {"limits": [rate("b")]}) == [("/limits", "duplicate-limit")]
    twice = {"limits": [rate("a", shared="owner")]}
    assert faults(policies_service.change_plan, "company", twice) == [("/limits", "duplicate-limit")]
    # Key limits of an owner's plan don't apply to a key with its own.
    policies_service.change_plan("company", {"limits": [rate("a"), rate("c", shared="owner")]})


def test_change_reads_no_key_if_no_name_clashes(policies_service: PolicyService, keys: ConfigService) -> None:
    """However many keys have the plan."""
    policies_service.create_plan({"name": "gold", "limits": [rate("a")]})
    policies_service.create_plan({"name": "company", "limits": [rate("b", shared="owner")]})
    policies_service.create_owner({"name": "ACME", "plan": "company"})
    keys.issue({"label": "x", "owner": "ACME", "plan": "gold"})
    with CaptureQueriesContext(connection) as queries:
        policies_service.change_plan("gold", {"limits": [rate("a", burst=3), rate("c")]})
        policies_service.change_owner("acme", {"plan": None})
        policies_service.change_owner("acme", {"plan": "company"})
    read = [query["sql"] for query in queries.captured_queries if "apikeys_apikey" in query["sql"]]
    # A guard rail looks for one key of the owner that is unlimited.
    assert all("LIMIT 1" in sql for sql in read)


def test_plan_is_deleted_only_if_unused(policies_service: PolicyService, keys: ConfigService) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a")]})
    owner = policies_service.create_owner({"name": "ACME", "plan": "gold"})
    key = keys.issue({"label": "x", "plan": "gold"}).key
    for undo in (
        lambda: keys.update(key.key_id, {"plan": None}),
        lambda: policies_service.change_owner(owner.slug, {"plan": None}),
    ):
        with pytest.raises(InUse):
            policies_service.delete_plan("gold")
        undo()
    policies_service.delete_plan("gold")
    assert not Plan.objects.exists()
    assert PolicyNumber.objects.get().complete_below == number()
    assert Event.objects.latest("id").data["plan"] == "gold"
    assert APIKey.objects.get().plan is None


@pytest.mark.parametrize("call", [lambda it: it.change_plan("x", {}), lambda it: it.delete_plan("x")])
def test_unknown_plan(policies_service: PolicyService, call: Any) -> None:
    with pytest.raises(PlanNotFound):
        call(policies_service)
    assert not Event.objects.exists()


def test_change_that_was_decided_on_another_state_fails(policies_service: PolicyService, limiter: Limiter) -> None:
    policies_service.create_plan({"name": "gold", "limits": []})
    with pytest.raises(PreconditionFailed):
        PolicyService(ORIGIN, limiter=limiter, expected=[2]).change_plan("gold", {"limits": [rate("a")]})
    PolicyService(ORIGIN, limiter=limiter, expected=[1]).change_plan("gold", {"limits": [rate("a")]})


def test_number_exceeds_that_of_the_store_after_a_restore(policies_service: PolicyService, limiter: Limiter) -> None:
    limiter.set_policy(41)
    policies_service.create_plan({"name": "gold", "limits": []})
    assert number() == limiter.policy() == 42


def test_number_is_published_again_after_an_outage(
    policies_service: PolicyService, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise BucketStoreError("down")

    with monkeypatch.context() as outage:
        outage.setattr(limiter, "set_policy", fail)
        outage.setattr(limiter, "policy", fail)
        policies_service.create_plan({"name": "gold", "limits": []})
        with pytest.raises(BucketStoreError):
            publish_last_number(limiter)
    assert limiter.policy() == 0
    assert publish_last_number(limiter) == 1
    assert limiter.policy() == 1
    assert publish_last_number(limiter) == 0


def test_all_plans_together_name_a_bounded_number_of_units(
    policies_service: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apikeys.policies.plans.MAX_UNITS", 3)
    policies_service.create_plan(
        {"name": "gold", "limits": [rate("a"), rate("b", unit="tokens"), rate("c", unit="gb")]}
    )
    too_many = [rate("a"), rate("b", unit="images")]
    assert faults(lambda: policies_service.create_plan({"name": "x", "limits": too_many})) == [
        ("/limits/1/unit", "too-many")
    ]
    policies_service.create_plan({"name": "silver", "limits": [rate("a")]})
    assert faults(lambda: policies_service.change_plan("silver", {"limits": too_many})) == [
        ("/limits/1/unit", "too-many")
    ]
    # A unit that the same change removes makes room.
    policies_service.change_plan("gold", {"limits": [rate("a"), rate("b", unit="tokens"), rate("d", unit="images")]})
    policies_service.change_plan("silver", {"limits": too_many})
