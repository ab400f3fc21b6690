"""A key's own plan: who may have which, and what is read of it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.cache.records import read_records
from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Owner, Plan
from apikeys.pages import key_page
from apikeys.representation import key_json
from events.models import Event
from latchkey.validation import InvalidParameters
from ratelimit.limiter import default_limiter

pytestmark = pytest.mark.django_db


def plan(name: str, *limits: str, shared: str = "key") -> Plan:
    rate = {"burst": 10, "per_seconds": 1}
    stated = [{"name": limit, "rate": rate, "shared": shared} for limit in limits]
    return Plan.objects.create(name=name, limits=stated, number=1, created_at=timezone.now())


def owner(name: str, plan: Plan | None) -> Owner:
    return Owner.objects.create(name=name, slug=name.lower(), plan=plan, number=1, created_at=timezone.now())


def fault(call: Any, *args: Any) -> tuple[str, str]:
    with pytest.raises(InvalidParameters) as caught:
        call(*args)
    ((pointer, code),) = [(error.pointer, error.code) for error in caught.value.errors]
    return pointer, code


def test_key_is_issued_with_a_plan_and_moved_to_another(service: ConfigService) -> None:
    plan("gold", "a")
    plan("silver", "a")
    key = service.issue({"label": "x", "plan": "gold"}).key
    assert Event.objects.get(type="KeyIssued").data["plan"] == "gold"
    assert service.update(key.key_id, {"plan": "silver"}).epoch == 2
    assert Event.objects.get(type="KeyUpdated").data == {"from": {"plan": "gold"}, "to": {"plan": "silver"}}
    service.update(key.key_id, {"plan": "silver", "label": "x"})
    assert Event.objects.filter(type="KeyUpdated").count() == 1
    assert service.update(key.key_id, {"plan": None}).plan is None
    assert APIKey.objects.get().plan is None


def test_record_and_json_have_the_name(service: ConfigService) -> None:
    plan("gold", "a")
    named = service.issue({"label": "x", "plan": "gold"}).key
    plain = service.issue({"label": "x"}).key
    with CaptureQueriesContext(connection) as queries:
        records = read_records([named.key_id, plain.key_id])
    assert not [query for query in queries.captured_queries if "apikeys_plan" in query["sql"]]
    assert (records[named.key_id].plan, records[plain.key_id].plan) == ("gold", None)
    key = APIKey.objects.get(key_id=named.key_id)
    assert key_json(key, timezone.now(), default_limiter())["plan"] == "gold"
    assert [found.key_id for found in key_page(timezone.now(), plan="gold").keys] == [named.key_id]


@pytest.mark.parametrize("value", ["bronze", "", "A b", 5, ["gold"]])
def test_unknown_plan_is_rejected(service: ConfigService, value: object) -> None:
    plan("gold", "a")
    assert fault(service.issue, {"label": "x", "plan": value})[0] == "/plan"
    key = service.issue({"label": "x"}).key
    assert fault(service.update, key.key_id, {"plan": value})[0] == "/plan"
    assert not Event.objects.filter(type="KeyUpdated")


def test_plan_with_owner_limits_is_not_given_to_a_key(service: ConfigService) -> None:
    plan("company", "a", shared="owner")
    assert fault(service.issue, {"label": "x", "plan": "company"}) == ("/plan", "owner-plan")


def test_no_name_occurs_twice_in_a_key(service: ConfigService) -> None:
    plan("gold", "month", "day")
    owner("ACME", plan("company", "month", shared="owner"))
    owner("Other", plan("similar", "month"))
    assert fault(service.issue, {"label": "x", "owner": "ACME", "plan": "gold"}) == ("/plan", "duplicate-limit")
    # The key limits of an owner's plan don't apply to a key with a plan of its own.
    key = service.issue({"label": "x", "owner": "Other", "plan": "gold"}).key
    assert fault(service.update, key.key_id, {"owner": "ACME"}) == ("/plan", "duplicate-limit")
    assert service.update(key.key_id, {"owner": "ACME", "plan": None}).owner == "ACME"


def test_key_without_plan_reads_no_plan(service: ConfigService) -> None:
    owner("ACME", plan("company", "month", shared="owner"))
    key = service.issue({"label": "x"}).key
    with CaptureQueriesContext(connection) as queries:
        service.update(key.key_id, {"owner": "ACME"})
    assert not [query for query in queries.captured_queries if query["sql"].startswith('SELECT "apikeys_plan"')]
