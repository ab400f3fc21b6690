"""PolicyService: owners."""

from datetime import date
from typing import Any

import pytest

from apikeys.config_service import ConfigService
from apikeys.models import Owner, PolicyNumber
from apikeys.policies.errors import InUse, OwnerNotFound
from apikeys.policies.service import PolicyService
from events.models import Event
from latchkey.validation import InvalidParameters
from ratelimit.limiter import Limiter
from tests.apikeys.policies.stated import faults, rate
from tests.conftest import Clock
from tests.gateway.largest_key import OWNER

pytestmark = pytest.mark.django_db


def test_owner_is_created_with_its_event(policies_service: PolicyService) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a", shared="owner")]})
    values = {
        "name": "ACME",
        "display_name": "ACME Inc.",
        "contacts": ["ops@acme.example"],
        "period_anchor": "2026-01-31",
        "plan": "gold",
    }
    policies_service.create_owner(values)
    owner = Owner.objects.get()
    assert (owner.slug, owner.period_anchor, owner.plan_name, owner.number) == ("acme", date(2026, 1, 31), "gold", 2)
    event = Event.objects.latest("id")
    assert (event.type, event.data) == (
        "OwnerCreated",
        {"owner": "ACME", "slug": "acme", **{name: values[name] for name in values if name != "name"}},
    )


@pytest.mark.parametrize(
    ("names", "slug"),
    [
        (["ACME Inc."], "acme-inc"),
        (["acme", "ACME"], "acme-2"),
        (["acme", "Acme", "ACME"], "acme-3"),
        (["Zoë & Söhne"], "zoe-sohne"),
        (["株式会社"], "owner"),
        (["a" * 200], "a" * 57),
    ],
)
def test_slug_is_derived_and_unique(policies_service: PolicyService, names: list[str], slug: str) -> None:
    found = [policies_service.create_owner({"name": name}).slug for name in names]
    assert found[-1] == slug
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [("/name", "missing")]),
        ({"name": " "}, [("/name", "empty")]),
        ({"name": " latchkey"}, [("/name", "reserved")]),
        ({"name": OWNER + "y"}, [("/name", "too-long")]),
        ({"name": "known"}, [("/name", "not-unique")]),
        ({"name": "a", "slug": "B"}, [("/slug", "not-a-slug")]),
        ({"name": "a", "contacts": "x"}, [("/contacts", "not-an-array")]),
        ({"name": "a", "contacts": ["x"] * 9}, [("/contacts", "too-many")]),
        ({"name": "a", "contacts": ["x", "", 5]}, [("/contacts/1", "empty"), ("/contacts/2", "not-a-string")]),
        ({"name": "a", "period_anchor": "20260131"}, [("/period_anchor", "not-a-date")]),
        ({"name": "a", "period_anchor": "2026-02-30"}, [("/period_anchor", "not-a-date")]),
        ({"name": "a", "period_anchor": 5}, [("/period_anchor", "not-a-date")]),
        ({"name": "a", "plan": "none"}, [("/plan", "unknown-plan")]),
        ({"name": "a", "plan": 5}, [("/plan", "not-a-string")]),
    ],
)
def test_invalid_owner_is_rejected(
    policies_service: PolicyService, values: Any, expected: list[tuple[str, str]]
) -> None:
    policies_service.create_owner({"name": "known"})
    assert faults(policies_service.create_owner, values) == expected
    assert Event.objects.count() == 1


def test_owner_is_changed(policies_service: PolicyService) -> None:
    policies_service.create_plan({"name": "gold", "limits": []})
    policies_service.create_owner({"name": "ACME", "period_anchor": "2026-01-31"})
    same: dict[str, object] = {"display_name": "", "contacts": [], "period_anchor": "2026-01-31", "plan": None}
    assert policies_service.change_owner("acme", same).revision == 1
    owner = policies_service.change_owner("acme", {"plan": "gold", "period_anchor": None, "contacts": []})
    assert (owner.revision, owner.plan_name, owner.period_anchor) == (2, "gold", None)
    changed = {"from": {"plan": None, "period_anchor": "2026-01-31"}, "to": {"plan": "gold", "period_anchor": None}}
    assert Event.objects.get(type="OwnerChanged").data == {"owner": "ACME", **changed}
    assert faults(policies_service.change_owner, "acme", {"name": "other"}) == [("/name", "unknown-member")]


def test_owner_gets_no_plan_with_the_names_of_a_keys_plan(policies_service: PolicyService, keys: ConfigService) -> None:
    policies_service.create_plan({"name": "gold", "limits": [rate("a")]})
    policies_service.create_plan({"name": "company", "limits": [rate("a", shared="owner")]})
    keys.issue({"label": "x", "owner": "ACME", "plan": "gold"})
    assert faults(policies_service.create_owner, {"name": "ACME", "plan": "company"}) == [("/plan", "duplicate-limit")]
    policies_service.create_owner({"name": "ACME"})
    assert faults(policies_service.change_owner, "acme", {"plan": "company"}) == [("/plan", "duplicate-limit")]


def test_owner_is_deleted_only_without_keys(
    policies_service: PolicyService, keys: ConfigService, limiter: Limiter
) -> None:
    policies_service.create_owner({"name": "ACME"})
    key = keys.issue({"label": "x", "owner": "ACME"}).key
    with pytest.raises(InUse):
        policies_service.delete_owner("acme")
    keys.update(key.key_id, {"owner": "other"})
    policies_service.delete_owner("acme")
    assert not Owner.objects.exists()
    assert PolicyNumber.objects.get().complete_below == 2
    assert Event.objects.latest("id").data == {"owner": "ACME", "slug": "acme"}
    with pytest.raises(OwnerNotFound):
        policies_service.delete_owner("acme")


def test_slug_can_be_chosen(policies_service: PolicyService) -> None:
    assert policies_service.create_owner({"name": "ACME", "slug": "a-1"}).slug == "a-1"
    with pytest.raises(InvalidParameters) as caught:
        policies_service.create_owner({"name": "ACME", "slug": "a-1"})
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [
        ("/name", "not-unique"),
        ("/slug", "not-unique"),
    ]


def test_row_numbers_do_not_begin_again(policies_service: PolicyService, clock: Clock) -> None:
    """As after a restore from a backup that lacks the last owners, whose counters the bucket store still has."""
    first, second = (policies_service.create_owner({"name": name}) for name in ("first", "second"))
    assert first.pk < second.pk
    Owner.objects.all().delete()
    clock.move(1)
    assert policies_service.create_owner({"name": "third"}).pk > second.pk
