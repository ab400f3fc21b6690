"""Policies of a process: what it knows of plans, and how it learns of changes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from apikeys.cache.records import KeyRecord, read_records
from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Owner, Plan, PolicyNumber
from apikeys.policies.lookup import limits_of_stored_key
from apikeys.policies.policies import Policies
from apikeys.policies.quota_rows import write_uses
from apikeys.policies.resolution import Resolved
from apikeys.policies.service import PolicyService
from ratelimit.claim import CountersMissing, PolicyOutdated, QuotaUse
from ratelimit.costs import ONE, Costs
from ratelimit.limiter import Limiter
from ratelimit.unit_counters import claims_on_units, parse_name
from tests.apikeys.policies.stated import quota, rate
from tests.conftest import Clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def policies(limiter: Limiter, clock: Clock) -> Policies:
    return Policies(limiter, now=clock.seconds)


@pytest.fixture
def record(policies_service: PolicyService, keys: ConfigService) -> KeyRecord:
    policies_service.create_plan({"name": "gold", "limits": [rate("second"), quota("tokens", unit="tokens")]})
    policies_service.create_plan({"name": "company", "limits": [rate("each"), quota("all", shared="owner")]})
    policies_service.create_owner({"name": "ACME", "plan": "company"})
    return record_of(keys.issue({"label": "x", "owner": "ACME", "plan": "gold"}).key)


def record_of(key: APIKey) -> KeyRecord:
    return read_records([key.key_id])[key.key_id]


def names(policies: Policies, record: KeyRecord) -> list[str]:
    return [found.limit.name for found in policies.limits_of(record)]


def claimed(policies: Policies, record: KeyRecord, costs: Costs, now_s: int) -> Resolved:
    resolved = policies.claims_of(record, costs, now_s)
    assert resolved is not None
    return resolved


def amounts(policies: Policies, record: KeyRecord, clock: Clock) -> dict[str, int]:
    """The amount of each limit in the unit requests, by name."""
    resolved = claimed(policies, record, ONE, int(clock.seconds()))
    return {
        limit.limit.name: claim.terms[0].amount for claim, limit in zip(resolved.claims, resolved.limits, strict=True)
    }


def test_everything_is_read_at_the_first_use(policies: Policies, record: KeyRecord) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert names(policies, record) == ["second", "tokens", "all"]
        assert policies.number == 3
        assert policies.units == {"requests", "tokens"}
    assert len(queries) <= 4


def test_very_many_owners_are_read_without_instances(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies_service.create_owner({"name": "many", "plan": "company"})
    # 100,000 instances take longer than the database may be silent.
    monkeypatch.setattr(Owner, "__init__", None)
    assert names(policies, record) == ["second", "tokens", "all"]
    assert policies.known is not None
    assert policies.known.owners["many"].plan == "company"
    policies_service.change_plan("company", {"limits": [rate("new"), quota("all", shared="owner")]})
    policies.refresh(policies_service.create_plan({"name": "silver", "limits": []}).number)
    assert [limit.name for limit in policies.known.plans["company"]] == ["new", "all"]


def test_nothing_is_read_twice(policies: Policies, record: KeyRecord, clock: Clock) -> None:
    now_s = int(clock.seconds())
    first = policies.claims_of(record, ONE, now_s)
    with CaptureQueriesContext(connection) as queries:
        assert policies.claims_of(record, ONE, now_s + 1) is first
        assert policies.limits_of(record) == policies.limits_of(record)
    assert not queries


def test_change_of_other_policies_leaves_what_a_key_asks(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, clock: Clock
) -> None:
    now_s = int(clock.seconds())
    first = policies.claims_of(record, ONE, now_s)
    policies_service.create_plan({"name": "silver", "limits": [rate("second", 1)]})
    policies_service.create_owner({"name": "other", "plan": "silver"})
    policies.refresh(5)
    assert policies.claims_of(record, ONE, now_s) is first
    policies_service.change_owner("acme", {"plan": None})
    policies.refresh(6)
    assert [limit.limit.name for limit in claimed(policies, record, ONE, now_s).limits] == ["second"]


def test_key_without_plans_asks_nothing(
    policies: Policies, record: KeyRecord, keys: ConfigService, clock: Clock
) -> None:
    other = record_of(keys.issue({"label": "x", "owner": "other"}).key)
    assert policies.limits_of(other) == ()
    assert policies.claims_of(other, ONE, int(clock.seconds())) is None
    counted = policies.claims_of(other, Costs(1, {"tokens": 5}), int(clock.seconds()))
    assert counted == (claims_on_units(other.auth.key_id.encode(), {"tokens": 5}), (), None)


def test_only_limits_of_the_named_units_are_asked(policies: Policies, record: KeyRecord, clock: Clock) -> None:
    def asked(requests: int, **others: int) -> list[tuple[str, int]]:
        resolved = claimed(policies, record, Costs(requests, others), int(clock.seconds()))
        limited = resolved.claims[: len(resolved.limits)]
        assert [limit.counter for limit in resolved.limits] == [claim.counter for claim in limited]
        usage = claims_on_units(record.auth.key_id.encode(), others)
        assert resolved.claims[len(limited) :] == usage
        assert [parse_name(claim.counter)[1] for claim in usage] == list(others)
        return [(limit.limit.name, claim.cost) for claim, limit in zip(limited, resolved.limits, strict=True)]

    assert asked(2) == [("second", 2), ("all", 2)]
    assert asked(2, tokens=350) == [("second", 2), ("tokens", 350), ("all", 2)]
    assert asked(1, tokens=0) == [("second", 1), ("tokens", 0), ("all", 1)]


def test_many_different_costs_are_not_kept(policies: Policies, record: KeyRecord, clock: Clock) -> None:
    for cost in range(200):
        resolved = claimed(policies, record, Costs(cost), int(clock.seconds()))
        assert {claim.cost for claim in resolved.claims} == {cost}
    assert len(policies._resolutions[record.auth.key_id]._by_costs) == 64


def test_claims_are_resolved_again_when_a_term_ends(policies: Policies, record: KeyRecord, clock: Clock) -> None:
    def end(now_s: int) -> int:
        resolved = claimed(policies, record, Costs(1, {"tokens": 1}), now_s)
        return resolved.claims[1].terms[0].ends_s

    first = end(int(clock.seconds()))
    assert end(first - 1) == first
    assert end(first) > first
    # The store's time is ahead of this process's. What was resolved for it goes on.
    assert end(int(clock.seconds())) > first


def test_changes_are_read_when_the_store_has_a_newer_number(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, limiter: Limiter, clock: Clock
) -> None:
    def take() -> int:
        number = policies.number
        claims = claimed(policies, record, ONE, int(clock.seconds())).claims
        limiter.seed_quotas(
            [
                QuotaUse(claim.counter, claim.definition, claim.terms[0].ends_s, 0)
                for claim in claims
                if claim.terms[0].limit is None
            ]
        )
        return limiter.take(record.auth.key_id, None, cost=1, epoch=1, slot=0, claims=claims, policy=number).allowed

    assert take()
    policies_service.change_plan("gold", {"limits": [rate("second", 77), rate("new")]})
    with pytest.raises(PolicyOutdated) as outdated:
        take()
    policies.refresh(outdated.value.newest)
    assert amounts(policies, record, clock) == {"second": 77, "new": 10, "all": 1000}
    assert policies.units == {"requests"}
    assert take()


def test_refresh_reads_rows_above_the_number_only(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, clock: Clock
) -> None:
    assert amounts(policies, record, clock) == {"second": 10, "all": 1000}
    # Changed by hand, so no number says so.
    Plan.objects.filter(name="company").update(limits=[rate("other", shared="owner")])
    policies_service.change_plan("gold", {"limits": [rate("second", 20)]})
    policies.refresh(4)
    assert amounts(policies, record, clock) == {"second": 20, "all": 1000}
    with CaptureQueriesContext(connection) as queries:
        policies.refresh(4)
    assert not queries
    policies.reload()
    assert amounts(policies, record, clock) == {"second": 20, "other": 10}


def test_owner_gets_and_loses_a_plan(
    policies: Policies, policies_service: PolicyService, keys: ConfigService, record: KeyRecord
) -> None:
    other = record_of(keys.issue({"label": "x", "owner": "Other"}).key)
    assert policies.limits_of(other) == ()
    policies_service.create_owner({"name": "Other", "plan": "company"})
    policies.refresh()
    assert names(policies, other) == ["each", "all"]
    policies_service.change_owner("other", {"plan": None})
    policies.refresh()
    assert policies.limits_of(other) == ()


def test_record_of_a_key_that_left_a_deleted_plan_has_its_limits(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, keys: ConfigService, clock: Clock
) -> None:
    """The record was not dropped yet. The bucket store says that the key has changed, and not an error."""
    assert names(policies, record) == ["second", "tokens", "all"]
    keys.update(record.auth.key_id, {"plan": None})
    policies_service.delete_plan("gold")
    policies.refresh(policies.number + 1)
    assert names(policies, record) == ["second", "tokens", "all"]
    assert policies.units == {"requests"}, "but nothing costs a unit that only this plan had"
    policies_service.create_plan({"name": "gold", "limits": [rate("minute")]})
    policies.refresh(policies.number + 1)
    assert names(policies, record) == ["minute", "all"]


def test_deleted_owner_is_forgotten(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, keys: ConfigService
) -> None:
    assert "all" in names(policies, record)
    key_id = record.auth.key_id
    keys.update(key_id, {"owner": "other"})
    policies_service.delete_owner("acme")
    again = record_of(keys.update(key_id, {"owner": "ACME"}))
    policies.refresh(4)
    assert names(policies, again) == ["second", "tokens"]


def test_overrides_come_and_go(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, clock: Clock
) -> None:
    def grant(**values: Any) -> int:
        return policies_service.grant_override({"until": "2030-01-01T00:00:00Z", **values}).pk

    policies.refresh()
    of_key = {"key_id": record.auth.key_id, "limit": "second"}
    grant(**of_key, rate={"burst": 20, "per_seconds": 1})
    second = grant(**of_key, rate={"burst": 30, "per_seconds": 1})
    of_owner = grant(owner="acme", limit="all", quota=5)
    policies.refresh()
    assert amounts(policies, record, clock) == {"second": 30, "all": 5}
    reread = Policies(Limiter(policies._limiter.store), now=clock.seconds)
    assert amounts(reread, record, clock) == {"second": 30, "all": 5}
    policies_service.end_override(second)
    policies_service.end_override(of_owner)
    policies.refresh()
    assert amounts(policies, record, clock) == {"second": 10, "all": 1000}


def test_override_ends_by_its_time(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, clock: Clock
) -> None:
    until = datetime.fromtimestamp(clock.seconds() + 60, UTC).isoformat()
    policies_service.grant_override(
        {"key_id": record.auth.key_id, "limit": "second", "rate": {"burst": 20, "per_seconds": 1}, "until": until}
    )
    assert amounts(policies, record, clock)["second"] == 20
    clock.move(60)
    assert amounts(policies, record, clock)["second"] == 10


def test_restored_database_is_read_completely(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, limiter: Limiter, clock: Clock
) -> None:
    policies_service.change_plan("gold", {"limits": [rate("second", 77)]})
    assert amounts(policies, record, clock) == {"second": 77, "all": 1000}
    # As after a restore of a backup from before the change. The store still has the higher number.
    Plan.objects.filter(name="gold").update(limits=[rate("second", 10)], number=1)
    PolicyNumber.objects.update(number=3)
    policies.refresh()
    assert amounts(policies, record, clock) == {"second": 10, "all": 1000}
    policies.refresh(limiter.policy())
    assert policies.number == limiter.policy() == 4
    # The next change has a number above both.
    policies_service.change_plan("gold", {"limits": [rate("second", 11)]})
    policies.refresh(limiter.policy())
    assert (policies.number, amounts(policies, record, clock)["second"]) == (5, 11)


def test_lost_change_is_forgotten_with_the_first_change_after_a_restore(
    policies: Policies, policies_service: PolicyService, record: KeyRecord, limiter: Limiter, clock: Clock
) -> None:
    policies_service.change_plan("gold", {"limits": [rate("second", 77)]})
    assert amounts(policies, record, clock)["second"] == 77
    Plan.objects.filter(name="gold").update(limits=[rate("second", 10)], number=1)
    PolicyNumber.objects.update(number=3)
    # Its number is above the one of the lost change, which this process has read.
    policies_service.create_plan({"name": "silver", "limits": []})
    policies.refresh(limiter.policy())
    assert amounts(policies, record, clock)["second"] == 10


def test_plan_that_is_newer_than_the_process_is_read(
    policies: Policies, policies_service: PolicyService, keys: ConfigService, record: KeyRecord
) -> None:
    policies.refresh()
    policies_service.create_plan({"name": "silver", "limits": [rate("new")]})
    moved = record_of(keys.update(record.auth.key_id, {"plan": "silver"}))
    assert names(policies, moved) == ["new", "all"]
    with pytest.raises(OperationalError):
        policies.limits_of(replace(moved, plan="unknown"))


def test_new_record_of_a_key_is_resolved_again(policies: Policies, record: KeyRecord, keys: ConfigService) -> None:
    assert names(policies, record) == ["second", "tokens", "all"]
    moved = record_of(keys.update(record.auth.key_id, {"plan": None}))
    assert names(policies, moved) == ["each", "all"]


def test_missing_counters_are_seeded_from_their_rows(
    policies: Policies, record: KeyRecord, limiter: Limiter, clock: Clock
) -> None:
    now_s = int(clock.seconds())
    tokens, every = claimed(policies, record, Costs(1, {"tokens": 5}), now_s).claims[1:3]
    known = QuotaUse(tokens.counter, tokens.definition, tokens.terms[0].ends_s, 990, 3)
    write_uses([known], {tokens.counter: 1000}, datetime.fromtimestamp(now_s, UTC))
    with pytest.raises(CountersMissing) as missing:
        limiter.take("lk_000000000000", None, cost=1, epoch=1, slot=0, claims=(tokens, every))
    with CaptureQueriesContext(connection) as queries:
        policies.seed(missing.value.counters, record)
    assert len(queries) == 1
    assert limiter.quota_uses([tokens.counter, every.counter]) == [
        known,
        QuotaUse(every.counter, every.definition, every.terms[0].ends_s, 0),
    ]


def test_database_that_is_down_is_not_asked(limiter: Limiter, record: KeyRecord) -> None:
    def down() -> None:
        raise OperationalError("down")

    policies = Policies(limiter, raise_while_down=down)
    with CaptureQueriesContext(connection) as queries, pytest.raises(OperationalError):
        policies.limits_of(record)
    assert not queries
    # The thread that finds out whether it is up does ask.
    policies.follow()
    assert policies.number == 3


def test_owner_with_an_anchor_and_no_plan_is_known(
    policies: Policies, policies_service: PolicyService, keys: ConfigService, clock: Clock
) -> None:
    stated = {"name": "month", "quota": {"quota": 5, "per": "month", "starts": "anchor"}}
    policies_service.create_plan({"name": "gold", "limits": [stated]})
    policies_service.create_owner({"name": "ACME", "period_anchor": "2026-01-15"})
    record = record_of(keys.issue({"label": "x", "owner": "ACME", "plan": "gold"}).key)
    (claim,) = claimed(policies, record, ONE, int(clock.seconds())).claims
    assert datetime.fromtimestamp(claim.terms[0].ends_s, UTC).day == 15
    assert Owner.objects.get().plan is None


@pytest.mark.parametrize("has_owner", [True, False])
def test_day_on_which_a_key_was_issued_is_its_anchor_if_its_owner_has_none(
    policies: Policies, policies_service: PolicyService, keys: ConfigService, clock: Clock, has_owner: bool
) -> None:
    stated = {"name": "month", "quota": {"quota": 5, "per": "month", "starts": "anchor"}}
    policies_service.create_plan({"name": "gold", "limits": [stated]})
    if has_owner:
        policies_service.create_owner({"name": "ACME", "plan": "gold"})
    key = keys.issue({"label": "x", "owner": "ACME", "plan": "gold"}).key
    APIKey.objects.update(created_at=datetime(2026, 1, 17, 23, 59, tzinfo=UTC))
    (claim,) = claimed(policies, record_of(key), ONE, int(clock.seconds())).claims
    assert datetime.fromtimestamp(claim.terms[0].ends_s, UTC).day == 17
    assert (
        limits_of_stored_key(APIKey.objects.get(), datetime.fromtimestamp(clock.seconds(), UTC))[0].claim(
            1, int(clock.seconds())
        )
        == claim
    )
