"""Events as sentences."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from console.sentences import event_lines, sentence
from events.models import Event
from events.types import EventType
from latchkey.timestamps import rfc3339

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
KEY = "lk_000000000001"
LABELS = {KEY: "order relay"}


def text(type: EventType, data: dict[str, Any], actor: str = "user:mara", key_id: str = "") -> str:
    event = Event(id=7, type=type, at=NOW, actor=actor, request_id="r", key_id=key_id, data_json=json.dumps(data))
    return strip_tags(sentence(event, LABELS, NOW))


@pytest.mark.parametrize(
    ("type", "data", "expected"),
    [
        (EventType.KEY_ISSUED, {"label": "x"}, "mara issued order relay"),
        (EventType.KEY_UPDATED, {"from": {}, "to": {"label": "x", "expires_at": 1}}, "mara changed label, expires at of order relay"),
        (EventType.RATE_LIMIT_CHANGED, {"from": None, "to": {"burst": 60, "per_seconds": 60}}, "mara changed the limit of order relay from none to 1 per second, burst 60"),
        (EventType.KEY_ROTATED, {"retiring_secret_ends_at": rfc3339(NOW + timedelta(days=7))}, "mara rotated order relay; the old secret ends in 7 days"),
        (EventType.KEY_ROTATED, {"retiring_secret_ends_at": rfc3339(NOW - timedelta(days=1))}, "mara rotated order relay; the old secret ended 1 day ago"),
        (EventType.KEY_ROTATED, {"retiring_secret_ends_at": None}, "mara rotated order relay; the old secret ended"),
        (EventType.ROTATION_FINISHED, {}, "mara finished the rotation of order relay"),
        (EventType.KEY_DISABLED, {}, "mara disabled order relay"),
        (EventType.KEY_REVOKED, {}, "mara revoked order relay"),
        (EventType.KEY_EXPIRED, {}, "order relay expired"),
        (EventType.PLAN_CREATED, {"plan": "gold", "limits": []}, "mara created the plan gold"),
        (EventType.PLAN_CHANGED, {"plan": "gold"}, "mara changed the limits of the plan gold"),
        (EventType.PLAN_DELETED, {"plan": "gold"}, "mara deleted the plan gold"),
        (EventType.OWNER_CREATED, {"owner": "ACME"}, "mara created the owner ACME"),
        (EventType.OWNER_CHANGED, {"owner": "ACME", "to": {"period_anchor": None}}, "mara changed period anchor of the owner ACME"),
        (EventType.OWNER_DELETED, {"owner": "ACME"}, "mara deleted the owner ACME"),
        (EventType.OVERRIDE_GRANTED, {"limit": "month", "until": rfc3339(NOW + timedelta(days=7))}, "mara granted an override of the limit month to order relay; it ends in 7 days"),
        (EventType.OVERRIDE_ENDED, {"limit": "month", "owner": "ACME"}, "mara ended the override of the limit month for the owner ACME"),
        (EventType.LIMIT_ADJUSTED, {"limit": "month", "before": 1200, "after": 0, "reason": "goodwill"}, "mara adjusted the use of the limit month of order relay from 1,200 to 0: goodwill"),
        (EventType.QUOTA_REACHED, {"limit": "month", "percent": 80}, "80 % of the quota month of order relay is used"),
        (EventType.QUOTA_REACHED, {"limit": "all", "owner": "ACME"}, "much of the quota all of the owner ACME is used"),
    ],
)  # fmt: skip
def test_change_of_key(type: EventType, data: dict[str, Any], expected: str) -> None:
    assert text(type, data, key_id=KEY) == expected


@pytest.mark.parametrize(
    ("type", "data", "expected"),
    [
        (EventType.HEALTH_CHANGED, {"component": "unlimited_key", "status": "degraded", "detail": "One."}, "unlimited_key opened an incident: One."),
        (EventType.HEALTH_CHANGED, {"component": "unlimited_key", "status": "ok", "detail": "Resolved: One."}, "unlimited_key is resolved: One."),
        (EventType.HEALTH_CHANGED, {"component": "gone", "status": "ok"}, "gone is resolved"),
        (EventType.KEYS_IMPORTED, {"source": "drf-api-key", "count": 3, "keys": [KEY]}, "mara imported 3 keys of drf-api-key"),
        (EventType.WAIVER_GRANTED, {"guard_rail": "unlimited_key", "reason": "load test"}, "mara waived unlimited_key for all keys: load test"),
        (EventType.WEBHOOK_ADDED, {"webhook_id": "wh_000000000001", "label": "pager"}, "mara added the webhook pager"),
        (
            EventType.WEBHOOK_RESENT,
            {"webhook_id": "wh_000000000001", "event_id": 7, "delivery_id": 3},
            "mara sent event 7 to the webhook wh_000000000001 again",
        ),
        (EventType.WEBHOOK_TESTED, {"webhook_id": "wh_000000000001"}, "mara sent a test to the webhook wh_000000000001"),
        (EventType.OPERATOR_SIGN_IN_FAILED, {"name": "unknown", "address": "192.0.2.1"}, "A sign-in as an unknown user failed at 192.0.2.1"),
        (EventType.OPERATOR_SIGN_IN_FAILED, {"name": "bob", "address": "192.0.2.1"}, "A sign-in as bob failed at 192.0.2.1"),
        (EventType.OPERATOR_CHANGED, {"subject": "user:bob", "did": "authenticator removed"}, "mara: bob authenticator removed"),
        (EventType.OPERATOR_CHANGED, {"subject": "user:bob", "did": "changed", "fields": ["groups"], "from": {"groups": []}, "to": {"groups": ["operator"]}}, "mara: bob changed (groups), groups none to operator"),
        (EventType.RECORDS_FORGOTTEN, {}, "mara made all processes read their keys again"),
        (EventType.WAIVER_ENDED, {"guard_rail": "unlimited_key", "because": "ended"}, "mara ended the waiver of unlimited_key for all keys"),
        (EventType.WAIVER_ENDED, {"guard_rail": "unlimited_key", "because": "time"}, "The waiver of unlimited_key for all keys ended"),
        (EventType.WEBHOOK_REMOVED, {"webhook_id": "wh_000000000001", "label": ""}, "mara removed the webhook wh_000000000001"),
        (EventType.AUTHENTICATION_FAILURE_BURST, {"address": "192.0.2.1", "refused": 1}, "192.0.2.1 continued after too many failed authentications: 1 attempt rejected"),
    ],
)  # fmt: skip
def test_other_event(type: EventType, data: dict[str, Any], expected: str) -> None:
    assert text(type, data) == expected


@pytest.mark.parametrize("type", list(EventType))
@pytest.mark.parametrize(
    "data", [{}, {"from": 1, "to": 2, "detail": [], "label": None, "fields": 7}], ids=["none", "odd"]
)
def test_every_type_has_a_sentence_whatever_its_data(type: EventType, data: dict[str, Any]) -> None:
    assert type.value not in text(type, data)


@pytest.mark.parametrize(
    ("actor", "name"),
    [("system", "Latchkey"), ("command:issue_key", "manage.py issue_key"), (f"key:{KEY}", "order relay"), ("x", "x")],
)
def test_actor(actor: str, name: str) -> None:
    assert text(EventType.KEY_REVOKED, {}, actor, KEY) == f"{name} revoked order relay"


def test_text_of_events_is_escaped() -> None:
    data = {"guard_rail": "<b>", "reason": "<script>"}
    event = Event(id=7, type=EventType.WAIVER_GRANTED, at=NOW, actor="user:<i>", data_json=json.dumps(data))
    assert "<script>" not in sentence(event, {}, NOW)
    assert "<i>" not in sentence(event, {}, NOW)
    assert "<b>" not in sentence(event, {}, NOW)


@pytest.mark.django_db
def test_lines_read_all_labels_with_one_query(
    service: ConfigService, django_assert_num_queries: Any, admin: Client
) -> None:
    keys = [service.issue({"label": f"key {number}"}).key for number in range(3)]
    with django_assert_num_queries(2):
        lines = event_lines(Event.objects.filter(type=EventType.KEY_ISSUED), NOW)
    shown = [strip_tags(line.sentence) for line in lines]
    assert [text.partition("issued ")[2] for text in shown[-3:]] == [key.label for key in keys]
    known = {key.key_id: key.label for key in APIKey.objects.all()}
    with django_assert_num_queries(1):
        assert event_lines(Event.objects.filter(type=EventType.KEY_ISSUED), NOW, known=known) == lines
    page = admin.get("/admin/events/event/").content.decode()
    assert "key 2</a>" in page


@pytest.mark.django_db
@pytest.mark.parametrize("data", ["[]", "null", "{", "7", ""])
def test_changed_log_is_still_shown(admin: Client, service: ConfigService, data: str) -> None:
    """A changed event does not hide the others."""
    key = service.issue({"label": "seen"}).key
    newest = Event.objects.latest("id")
    odd = {"key_id": "lk_\n", "actor": "key:lk_\n<b>", "data_json": data, "type": "WebhookAdded"}
    Event.objects.filter(pk=newest.pk).update(**odd)
    service.update(key.key_id, {"label": "other"})
    for page in ("/admin/", "/admin/events/event/", f"/admin/events/event/{newest.pk}/change/"):
        assert admin.get(page).status_code == 200, page
    for form in ("csv", "jsonl"):
        text = b"".join(admin.get(f"/admin/events/event/export.{form}")).decode()
        assert "WebhookAdded" in text


def test_plans_and_owners_are_links() -> None:
    def said(type: EventType, data: dict[str, Any]) -> str:
        event = Event(id=7, type=type, at=NOW, actor="user:mara", request_id="r", data_json=json.dumps(data))
        return sentence(event, {}, NOW)

    assert '<a href="/admin/apikeys/plan/gold/change/">gold</a>' in said(EventType.PLAN_CREATED, {"plan": "gold"})
    assert "<a" not in said(EventType.PLAN_DELETED, {"plan": "gold"}), "it has no page"
    assert "<a" not in said(EventType.PLAN_CHANGED, {"plan": "<script>"}), "someone has changed the log"
    owner = '<a href="/admin/apikeys/owner/by-name/?name=A%26B">A&amp;B</a>'
    assert owner in said(EventType.OWNER_CREATED, {"owner": "A&B"})
    assert owner in said(EventType.QUOTA_REACHED, {"limit": "monthly", "percent": 80, "owner": "A&B"})
