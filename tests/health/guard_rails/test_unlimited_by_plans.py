"""Keys without a rate limit of their own: a plan limits them, their owner's plan does, or they are unlimited."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.key_counts import count_keys
from apikeys.models import APIKey
from apikeys.policies.lookup import limits_of_stored_key
from apikeys.policies.service import PolicyService
from events.models import Event
from events.origin import Origin
from health.incidents import open_incidents
from health.key_violations import violations_of
from health.report import full_report
from health.waivers import Waivers
from ratelimit.plan_limit import Mode
from tests.health.guard_rails.findings import DAY, count_violations

pytestmark = pytest.mark.django_db
RATE = {"burst": 5, "per_seconds": 60}
OBSERVED = {"name": "observed", "mode": "observe", "rate": RATE}
PER_KEY = {"name": "per_key", "unit": "tokens", "rate": RATE}
SHARED = {"name": "shared", "shared": "owner", "quota": {"quota": 5, "per": "month"}}
SHARED_OBSERVED = {**SHARED, "name": "shared_observed", "mode": "observe"}
PLANS: Mapping[str, list[dict[str, Any]]] = {
    "empty": [],
    "observing": [OBSERVED],
    "per-key": [OBSERVED, PER_KEY],
    "shared": [SHARED],
    "shared-observing": [SHARED_OBSERVED],
    "both": [{**PER_KEY, "mode": "observe"}, SHARED],
}
OWN = (None, "empty", "observing", "per-key")


@pytest.fixture
def policies() -> PolicyService:
    return PolicyService(Origin("command:test", "r"))


def reported() -> list[str]:
    """Return the status of each HealthChanged about unlimited keys, in order."""
    data = [event.data for event in Event.objects.filter(type="HealthChanged").order_by("id")]
    return [change["status"] for change in data if change["component"] == "unlimited_key"]


def is_unlimited(key: APIKey) -> bool:
    """Return whether the key has no enforced limit, by the limits that its requests have."""
    return all(found.limit.mode is not Mode.ENFORCE for found in limits_of_stored_key(key, timezone.now()))


def test_every_combination_of_plans(service: ConfigService, policies: PolicyService) -> None:
    for name, limits in PLANS.items():
        policies.create_plan({"name": name, "limits": limits})
        policies.create_owner({"name": f"owner of {name}", "plan": name})
    policies.create_owner({"name": "without a plan"})
    for owner in ("", "unknown", "without a plan", *(f"owner of {name}" for name in PLANS)):
        for plan in OWN:
            service.issue({"label": f"{plan}, {owner}", "owner": owner, "plan": plan, "rate_limit": None})
    service.issue({"label": "limited"})
    now = timezone.now()
    without = APIKey.objects.filter(rate_limit__isnull=True)
    unlimited = {key.label for key in without if is_unlimited(key)}
    assert (len(unlimited), len(without)) == (20, 36)
    assert {key.label for key in APIKey.objects.in_state("unlimited", now)} == unlimited
    assert {key.label for key in without if any(rail.name == "unlimited_key" for rail in violations_of(key, now))} == (
        unlimited
    )
    assert count_violations("unlimited_key", now) == len(unlimited)
    assert count_keys(now).counts["unlimited"] == len(unlimited)
    counts = full_report()["rate_limit"]
    assert isinstance(counts, dict)
    assert (counts["keys"], counts["limited"], counts["unlimited"]) == (37, 17, 20)


def test_plan_of_key_ends_violation(service: ConfigService, policies: PolicyService) -> None:
    policies.create_plan({"name": "p", "limits": [PER_KEY]})
    key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id
    service.update(key_id, {"plan": "p"})
    service.update(key_id, {"plan": None})
    assert reported() == ["degraded", "ok", "degraded"]


@pytest.mark.parametrize("limit", [PER_KEY, SHARED])
def test_change_of_owner_and_plan_is_evaluated_with_it(
    service: ConfigService, policies: PolicyService, limit: dict[str, Any]
) -> None:
    key_id = service.issue({"label": "x", "owner": "acme", "rate_limit": None}).key.key_id
    assert reported() == ["degraded"]
    policies.create_plan({"name": "p", "limits": [limit]})
    policies.create_owner({"name": "acme", "plan": "p"})
    assert reported() == ["degraded", "ok"]
    policies.change_owner("acme", {"plan": None})
    policies.change_owner("acme", {"plan": "p"})
    assert reported() == ["degraded", "ok"] * 2
    policies.change_plan("p", {"limits": [{**limit, "mode": "observe"}]})
    assert reported()[-1] == "degraded"
    assert open_incidents()[-1].detail == f"Keys that have no enforced limit: {key_id}."
    policies.change_plan("p", {"limits": [limit]})
    assert reported() == ["degraded", "ok"] * 3
    service.update(key_id, {"owner": "another"})
    assert reported()[-1] == "degraded"


def test_change_that_keeps_a_limit_enforced_counts_no_keys(service: ConfigService, policies: PolicyService) -> None:
    policies.create_plan({"name": "p", "limits": [PER_KEY]})
    service.issue({"label": "x", "plan": "p", "rate_limit": None})
    with CaptureQueriesContext(connection) as captured:
        policies.change_plan("p", {"limits": [{**PER_KEY, "rate": {"burst": 6, "per_seconds": 60}}]})
        policies.create_owner({"name": "acme"})
        policies.change_owner("acme", {"display_name": "ACME"})
    assert not [query["sql"] for query in captured if '"burst" IS NULL' in query["sql"]]


def test_waived_key_is_not_reported_after_a_change_of_its_plan(service: ConfigService, policies: PolicyService) -> None:
    policies.create_plan({"name": "p", "limits": [PER_KEY]})
    key_id = service.issue({"label": "x", "plan": "p", "rate_limit": None}).key.key_id
    ends_at = timezone.now() + DAY
    Waivers(Origin("command:test", "r")).grant(
        {"guard_rail": "unlimited_key", "key_id": key_id, "reason": "x", "ends_at": ends_at.isoformat()}
    )
    policies.change_plan("p", {"limits": []})
    assert reported() == []
