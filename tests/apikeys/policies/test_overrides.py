"""PolicyService: overrides."""

from datetime import UTC, datetime
from typing import Any

import pytest

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Override
from apikeys.policies.errors import OverrideNotFound
from apikeys.policies.representation import override_json
from apikeys.policies.service import PolicyService
from events.models import Event
from tests.apikeys.policies.stated import faults, quota, rate
from tests.conftest import Clock

pytestmark = pytest.mark.django_db

UNTIL = "2030-01-01T00:00:00Z"


@pytest.fixture
def key(policies_service: PolicyService, keys: ConfigService) -> APIKey:
    policies_service.create_plan({"name": "gold", "limits": [rate("second"), quota("month")]})
    policies_service.create_plan({"name": "company", "limits": [quota("all", shared="owner"), quota("each")]})
    policies_service.create_owner({"name": "ACME", "plan": "company"})
    return keys.issue({"label": "x", "owner": "ACME", "plan": "gold"}).key


def test_override_of_a_key(policies_service: PolicyService, key: APIKey) -> None:
    values = {"key_id": key.key_id, "limit": "month", "quota": 5000, "until": UNTIL}
    override = policies_service.grant_override(values)
    assert Override.objects.get() == override
    assert (override.until, override.number) == (datetime(2030, 1, 1, tzinfo=UTC), 4)
    event = Event.objects.latest("id")
    assert (event.type, event.key_id) == ("OverrideGranted", key.key_id)
    assert event.data == {"override": override.pk, "limit": "month", "quota": 5000, "until": UNTIL}


def test_override_of_an_owner(policies_service: PolicyService, key: APIKey) -> None:
    override = policies_service.grant_override({"owner": "acme", "limit": "all", "quota": 5, "until": UNTIL})
    event = Event.objects.latest("id")
    assert (event.key_id, event.data["owner"], event.data["override"]) == ("", "ACME", override.pk)


def test_reason_is_kept_and_recorded(policies_service: PolicyService, key: APIKey) -> None:
    values = {"key_id": key.key_id, "limit": "month", "quota": 5000, "until": UNTIL, "reason": "x" * 200}
    override = policies_service.grant_override(values)
    assert override_json(Override.objects.get(pk=override.pk))["reason"] == "x" * 200
    assert Event.objects.latest("id").data["reason"] == "x" * 200


def test_later_override_ends_the_earlier_one(policies_service: PolicyService, key: APIKey, clock: Clock) -> None:
    def grant(burst: int, until: str) -> Override:
        limit = {"rate": {"burst": burst, "per_seconds": 1}}
        return policies_service.grant_override({"key_id": key.key_id, "limit": "second", "until": until, **limit})

    first = grant(20, UNTIL)
    second = grant(30, "2027-02-01T00:00:00Z")
    first.refresh_from_db()
    assert first.ended_at is not None
    assert first.number == second.number
    assert Event.objects.latest("id").data["replaces"] == first.pk
    # One that has ended by its time isn't replaced.
    clock.move(86400 * 365)
    grant(40, UNTIL)
    assert "replaces" not in Event.objects.latest("id").data


def test_override_is_ended_once(policies_service: PolicyService, key: APIKey) -> None:
    override = policies_service.grant_override({"key_id": key.key_id, "limit": "month", "quota": 5000, "until": UNTIL})
    ended = policies_service.end_override(override.pk)
    assert (ended.ended_at is not None, ended.number) == (True, 5)
    policies_service.end_override(override.pk)
    event = Event.objects.get(type="OverrideEnded")
    assert (event.key_id, event.data) == (key.key_id, {"override": override.pk, "limit": "month"})
    with pytest.raises(OverrideNotFound):
        policies_service.end_override(override.pk + 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"owner": "acme"}, [("", "not-exactly-one")]),
        ({"key_id": None}, [("/key_id", "not-a-key-id")]),
        ({"key_id": "lk_000000000000"}, [("/key_id", "unknown-subject")]),
        ({"rate": {"burst": 1, "per_seconds": 1}}, [("", "not-exactly-one")]),
        ({"quota": 0}, [("/quota", "out-of-range")]),
        ({"quota": None}, [("/quota", "not-an-integer")]),
        ({"until": "2020-01-01T00:00:00Z"}, [("/until", "in-the-past")]),
        ({"until": None}, [("/until", "not-a-time")]),
        ({"reason": "x" * 201}, [("/reason", "too-long")]),
        ({"limit": "none"}, [("/limit", "unknown-limit")]),
        ({"limit": "second"}, [("/quota", "another-kind")]),
        # A limit that the key shares is overridden for its owner, and one of the owner's plan doesn't apply to it.
        ({"limit": "all"}, [("/limit", "unknown-limit")]),
        ({"limit": "each"}, [("/limit", "unknown-limit")]),
    ],
)
def test_invalid_override_is_rejected(
    policies_service: PolicyService, key: APIKey, changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    values = {"key_id": key.key_id, "limit": "month", "quota": 5000, "until": UNTIL, **changes}
    assert faults(policies_service.grant_override, values) == expected
    assert not Override.objects.exists()


@pytest.mark.parametrize("limit", ["each", "month"])
def test_owner_has_overrides_of_shared_limits_only(policies_service: PolicyService, key: APIKey, limit: str) -> None:
    values = {"owner": "acme", "limit": limit, "quota": 5000, "until": UNTIL}
    assert faults(policies_service.grant_override, values) == [("/limit", "unknown-limit")]


def test_missing_fields_are_all_named(policies_service: PolicyService) -> None:
    assert faults(policies_service.grant_override, {}) == [
        ("/limit", "missing"),
        ("/until", "missing"),
        ("", "not-exactly-one"),
        ("", "not-exactly-one"),
    ]
