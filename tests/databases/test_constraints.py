"""Constraints that the database itself enforces, on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import CheckConstraint

from apikeys.config_service import ConfigService
from apikeys.models import (
    APIKey,
    IdempotencyRecord,
    ImportSource,
    KeyCaller,
    KeyCensus,
    KeySecret,
    Override,
    Owner,
    Plan,
    PolicyNumber,
    UnitMark,
    UnitUsage,
    Usage,
    UsageMark,
    UsageRanking,
    UsageSource,
    UsageTotal,
)
from events.chain import GENESIS
from events.models import ChainHead, Patrol, WebhookEndpoint
from health.models import Incident

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 1, tzinfo=UTC)
URL = "https://hooks.example.test/"


def twice(make: Callable[[], object]) -> None:
    make()
    make()


def a_secret(**values: object) -> object:
    """A second secret of the key."""
    other = {"state": "retiring", "expires_at": NOW, "slot": 1, "digest": b"", "pepper_id": "t1", "created_at": NOW}
    return KeySecret.objects.create(key=APIKey.objects.get(), **{**other, **values})


def a_token_of_two_keys() -> None:
    source = ImportSource.objects.create(
        name="s", hash="sha256", alphabet="hex", min_length=20, max_length=20, created_at=NOW
    )
    KeySecret.objects.update(source=source, digest=b"d")
    a_secret(source=source, digest=b"d")


def a_source() -> UsageSource:
    return UsageSource.objects.get_or_create(generation="g", defaults={"seen_at": NOW})[0]


def a_caller() -> object:
    times = {"first_seen": NOW, "last_seen": NOW}
    return KeyCaller.objects.create(key=APIKey.objects.get(), kind="address", value="192.0.2.1", requests=1, **times)


def an_incident() -> object:
    return Incident.objects.create(guard_rail="x", severity="warning", count=1, detail="", opened_at=NOW)


def a_plan(name: str) -> object:
    return Plan.objects.create(name=name, number=1, created_at=NOW)


def an_owner(**values: object) -> Owner:
    return Owner.objects.create(**{"name": "ACME", "slug": "acme", "number": 1, "created_at": NOW, **values})


def an_override(**values: object) -> object:
    stated = {"limit": "month", "quota": 5, "until": NOW, "number": 1, "created_at": NOW}
    return Override.objects.create(**{**stated, **values})


def two_overrides_of_an_owner() -> None:
    owner = an_owner()
    twice(lambda: an_override(owner=owner))


BREACHES: dict[str, Callable[[], object]] = {
    "key_id_shape": lambda: APIKey.objects.update(key_id="lk_UPPER0000000"),
    "key_epoch_positive": lambda: APIKey.objects.update(epoch=0),
    "key_has_label": lambda: APIKey.objects.update(label=""),
    "one_secret_a_state": lambda: a_secret(state="active", expires_at=None),
    "one_secret_a_slot": lambda: a_secret(slot=KeySecret.objects.get().slot),
    "one_key_a_token": a_token_of_two_keys,
    "secret_slot_0_or_1": lambda: KeySecret.objects.update(slot=2),
    "retiring_secret_has_end": lambda: a_secret(expires_at=None),
    "one_row_a_key_and_step": lambda: twice(
        lambda: Usage.objects.create(key=APIKey.objects.get(), step="day", start=NOW)
    ),
    "one_row_a_key_and_caller": lambda: twice(a_caller),
    "one_total_a_step": lambda: twice(lambda: UsageTotal.objects.create(step="day", start=NOW)),
    "one_mark_a_key_and_store": lambda: twice(
        lambda: UsageMark.objects.create(key=APIKey.objects.get(), source=a_source())
    ),
    "one_row_a_key_step_and_unit": lambda: twice(
        lambda: UnitUsage.objects.create(key=APIKey.objects.get(), step="day", start=NOW, unit="tokens")
    ),
    "one_mark_a_key_unit_and_place": lambda: twice(
        lambda: UnitMark.objects.create(key=APIKey.objects.get(), source=a_source(), unit="tokens", place=1)
    ),
    "one_answer_an_idempotency_key": lambda: twice(
        lambda: IdempotencyRecord.objects.create(caller="lk_000000000000", name_digest="n", created_at=NOW)
    ),
    "census_is_one_row": lambda: KeyCensus.objects.create(id=2, taken_at=NOW, counts={}),
    "ranking_is_one_row": lambda: UsageRanking.objects.create(id=2, ranked_at=NOW, seconds=0.0, entries={}),
    "policy_number_is_one_row": lambda: PolicyNumber.objects.create(id=2),
    "plan_has_name": lambda: a_plan(""),
    "owner_has_name_and_slug": lambda: an_owner(slug=""),
    "override_has_one_subject": lambda: an_override(key=APIKey.objects.get(), owner=an_owner()),
    "override_has_one_kind": lambda: an_override(key=APIKey.objects.get(), rate={"burst": 1, "per_seconds": 1}),
    "one_open_override_a_key_limit": lambda: twice(lambda: an_override(key=APIKey.objects.get())),
    "one_open_override_an_owner_limit": two_overrides_of_an_owner,
    "chain_head_is_one_row": lambda: ChainHead.objects.create(id=2, digest=GENESIS),
    "patrol_is_one_row": lambda: Patrol.objects.create(id=2, digest=GENESIS),
    "webhook_id_shape": lambda: WebhookEndpoint.objects.update(endpoint_id="wh_X"),
    "webhook_disabled_has_reason": lambda: WebhookEndpoint.objects.update(enabled=False),
    "one_open_incident_a_guard_rail": lambda: twice(an_incident),
}


def constraints() -> Iterator[tuple[str, bool]]:
    """The name of each constraint of ours, and whether it is a check."""
    for model in apps.get_models():
        if model.__module__.partition(".")[0] in ("apikeys", "events", "health", "access", "console"):
            for constraint in model._meta.constraints:
                yield constraint.name, isinstance(constraint, CheckConstraint)


def test_every_constraint_is_tested() -> None:
    assert sorted(BREACHES) == sorted(name for name, _ in constraints())


@pytest.mark.parametrize("name", BREACHES)
def test_database_rejects_violation(service: ConfigService, name: str) -> None:
    service.issue({"label": "a key"})
    service.webhooks.add({"url": URL})
    # SQLite names a check that failed, and of what is unique the columns.
    name_in_error = name if connection.vendor == "postgresql" or dict(constraints())[name] else "UNIQUE"
    with pytest.raises(IntegrityError, match=name_in_error), transaction.atomic():
        BREACHES[name]()
