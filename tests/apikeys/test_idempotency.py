"""A creation that is asked for twice under one Idempotency-Key is done once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.idempotency import KEPT_FOR, prune_idempotency_records
from apikeys.models import APIKey, IdempotencyRecord
from events.models import Event, WebhookEndpoint
from health.models import Waiver
from latchkey.credentials import SECRET_FIELDS
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
NAME = "8e03978e-40d5-43e8-bc93-6894a57f9324"
BODY = {"label": "retry", "metadata": {"a": 1, "b": [2]}}


def create(api: Caller, body: object = BODY, name: str = NAME, path: str = "/v1/keys") -> Any:
    return api.post(path, body, headers={"Idempotency-Key": name})


def test_repeated_request_creates_one_key(api: Caller, service: ConfigService) -> None:
    first = create(api)
    service.update(first.json()["key_id"], {"label": "changed since"})
    again = create(api, {"metadata": {"b": [2], "a": 1}, "label": "retry"})
    shown_once = set(SECRET_FIELDS)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == {name: value for name, value in first.json().items() if name not in shown_once}
    assert shown_once <= first.json().keys()
    for name in ("Location", "ETag", "Cache-Control"):
        assert again[name] == first[name]
    assert APIKey.objects.exclude(label="root").count() == 1


def test_stored_record_has_no_secret_or_name(api: Caller) -> None:
    secret = create(api).json()["secret"]
    kept = json.dumps(list(IdempotencyRecord.objects.values()), default=str)
    assert APIKey.objects.latest("pk").key_id in kept
    assert secret[4:] not in kept
    assert "lks_" not in kept
    assert NAME not in kept


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"label": "another"}, "/v1/keys"),
        ({**BODY, "metadata": {"a": 1.0, "b": [2]}}, "/v1/keys"),
        (BODY, "/v1/waivers"),
    ],
)
def test_name_cannot_be_reused_for_other_request(api: Caller, body: object, path: str) -> None:
    create(api)
    refused = create(api, body, path=path)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "idempotency-key-reused"
    assert APIKey.objects.exclude(label="root").count() == 1


def test_name_belongs_to_calling_key(api: Caller, service: ConfigService) -> None:
    other = Caller(service.issue({"label": "other", "scopes": ["*"]}).credential.reveal())
    assert create(api).json()["key_id"] != create(other).json()["key_id"]


def test_rejected_request_does_not_use_name(api: Caller) -> None:
    assert create(api, {"label": ""}).status_code == 422
    assert IdempotencyRecord.objects.count() == 0
    assert create(api).status_code == 201


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 256])
def test_invalid_name_is_rejected(api: Caller, name: str) -> None:
    refused = create(api, name=name)
    assert refused.status_code == 400
    assert "Idempotency-Key" in refused.json()["detail"]
    assert APIKey.objects.exclude(label="root").count() == 0


def test_name_is_free_after_a_day(api: Caller) -> None:
    first = create(api).json()["key_id"]
    IdempotencyRecord.objects.update(created_at=timezone.now() - KEPT_FOR)
    second = create(api, {"label": "another"}).json()
    assert second["key_id"] != first
    assert "secret" in second
    assert create(api, {"label": "another"}).json()["key_id"] == second["key_id"]


def test_prune_deletes_day_old_records(api: Caller) -> None:
    create(api, name="old")
    create(api, name="new")
    now = timezone.now() + timedelta(hours=23)
    IdempotencyRecord.objects.filter(pk=IdempotencyRecord.objects.earliest("pk").pk).update(created_at=now - KEPT_FOR)
    assert prune_idempotency_records(now, lambda: False) == 0
    assert prune_idempotency_records(now) == 1
    assert IdempotencyRecord.objects.count() == 1


def test_webhook_is_created_once(api: Caller) -> None:
    body = {"url": "https://hooks.example/path?token=t0ken"}
    first, again = (create(api, body, path="/v1/webhooks") for _ in range(2))
    expected = {name: value for name, value in first.json().items() if name != "secret"}
    assert again.json() == {**expected, "url": "https://hooks.example"}
    assert WebhookEndpoint.objects.count() == 1
    assert "t0ken" not in IdempotencyRecord.objects.get().answer_json


def test_waiver_is_granted_once(api: Caller) -> None:
    ends_at = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"guard_rail": "unlimited_key", "reason": "load test", "ends_at": ends_at}
    first, again = (create(api, body, path="/v1/waivers") for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json())
    assert (Waiver.objects.count(), Event.objects.filter(type="WaiverGranted").count()) == (1, 1)
