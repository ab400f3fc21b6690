"""The REST calls about webhooks, as a client sees them."""

import asyncio
import re
from typing import Any

import pytest

from apikeys.config_service import ConfigService
from apikeys.peppers import configured_peppers
from events.models import Event, WebhookEndpoint
from events.webhooks.dispatcher import Dispatcher
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
URL = "https://hooks.example/path?token=t0ken"
MEMBERS = [
    "id", "url", "label", "event_types", "enabled", "disabled_reason", "created_at", "secrets", "delivery", "last_test",
]  # fmt: skip
SECRET = re.compile(r"whsec_[0-9A-Za-z+/]{43}=")


def create(api: Caller, **values: Any) -> dict[str, Any]:
    response = api.post("/v1/webhooks", {"url": URL, **values})
    assert response.status_code == 201
    body: dict[str, Any] = response.json()
    return body


def caller_with(service: ConfigService, *scopes: str) -> Caller:
    return Caller(service.issue({"label": "x", "scopes": list(scopes)}).credential.reveal())


def test_create_shows_secret_once(api: Caller) -> None:
    response = api.post("/v1/webhooks", {"url": URL, "label": "pager", "event_types": ["KeyRevoked"]})
    body = response.json()
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    assert response["Location"] == f"/v1/webhooks/{body['id']}"
    assert list(body) == [*MEMBERS, "secret"]
    assert re.fullmatch(r"wh_[0-9a-z]{12}", body["id"])
    assert SECRET.fullmatch(body["secret"])
    shown = api.get(response["Location"])
    assert list(shown.json()) == MEMBERS
    assert not SECRET.search(shown.content.decode())
    assert shown.json() == {
        "id": body["id"],
        "url": URL,
        "label": "pager",
        "event_types": ["KeyRevoked"],
        "enabled": True,
        "disabled_reason": "",
        "created_at": body["created_at"],
        "secrets": [{"state": "active", "expires_at": None}],
        "delivery": {
            "delivered_through": 2,
            "pending": 0,
            "failures": 0,
            "failing_since": None,
            "next_attempt_at": None,
            "last_attempt_at": None,
            "last_status": None,
            "last_error": "",
        },
        "last_test": None,
    }


def test_pending_counts_filtered_events(api: Caller, service: ConfigService) -> None:
    some, all_ = create(api, event_types=["KeyIssued"]), create(api)
    service.update(service.issue({"label": "x"}).key.key_id, {"label": "y"})
    listed = api.get("/v1/webhooks").json()["items"]
    assert [(webhook["id"], webhook["delivery"]["pending"]) for webhook in listed] == [(some["id"], 1), (all_["id"], 2)]


def test_update_and_remove(api: Caller) -> None:
    path = f"/v1/webhooks/{create(api)['id']}"
    body = api.patch(path, {"enabled": False, "label": "pager"}).json()
    assert (body["enabled"], body["disabled_reason"], body["label"]) == (False, "operator", "pager")
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert list(Event.objects.values_list("type", flat=True))[1:] == [
        "WebhookAdded", "WebhookUpdated", "WebhookRemoved",
    ]  # fmt: skip


def test_rotation_shows_new_secret(api: Caller) -> None:
    made = create(api)
    path = f"/v1/webhooks/{made['id']}/rotate-secret"
    response = api.post(path, {"grace_seconds": 60})
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    body = response.json()
    assert SECRET.fullmatch(body["secret"])
    assert body["secret"] != made["secret"]
    assert [secret["state"] for secret in body["secrets"]] == ["active", "retiring"]
    refusal = api.post(path)
    assert (refusal.status_code, refusal.json()["type"].rpartition("/")[2]) == (409, "rotation-in-progress")
    assert [secret["state"] for secret in api.post(path, {"grace_seconds": 0}).json()["secrets"]] == ["active"]


@pytest.mark.django_db(transaction=True)
def test_test_delivery_is_queued_and_shown(api: Caller) -> None:
    path = f"/v1/webhooks/{create(api, url='https://127.0.0.1/', enabled=False)['id']}"
    assert api.post(f"{path}/test").status_code == 202
    assert api.get(path).json()["last_test"] is None
    asyncio.run(Dispatcher(configured_peppers(), lambda: True).run_once())
    result = api.get(path).json()["last_test"]
    assert (result["status"], result["error"]) == (None, "address not allowed")


@pytest.mark.parametrize(
    ("method", "end"), [("get", ""), ("patch", ""), ("delete", ""), ("post", "/rotate-secret"), ("post", "/test")]
)
def test_unknown_ids_are_not_found(api: Caller, method: str, end: str) -> None:
    for name in ("wh_000000000000", "wh_X", "lk_000000000000"):
        response = getattr(api, method)(f"/v1/webhooks/{name}{end}")
        assert response.status_code == 404
        assert response.json()["type"].endswith("/problems/not-found")


def test_all_errors_are_returned(api: Caller) -> None:
    response = api.post("/v1/webhooks", {"url": "http://hooks.example", "event_types": ["KeyEaten"], "salt": "x"})
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/url", "/event_types/0", "/salt"]


@pytest.mark.parametrize(
    ("scopes", "create_status", "list_status"),
    [
        (["webhooks:write", "events:read"], 201, 403),
        (["webhooks:write"], 403, 403),
        (["events:read"], 403, 403),
        (["webhooks:read"], 403, 200),
    ],
)
def test_create_requires_events_read(
    service: ConfigService, scopes: list[str], create_status: int, list_status: int
) -> None:
    caller = caller_with(service, *scopes)
    assert caller.post("/v1/webhooks", {"url": URL}).status_code == create_status
    assert caller.get("/v1/webhooks").status_code == list_status


def test_update_requires_events_read(api: Caller, service: ConfigService) -> None:
    path = f"/v1/webhooks/{create(api)['id']}"
    writer = caller_with(service, "webhooks:write")
    refusal = writer.patch(path, {"url": "https://evil.example/"})
    assert refusal.status_code == 403
    assert "events:read" in refusal.json()["detail"]
    assert WebhookEndpoint.objects.get().url == URL
    assert writer.post(f"{path}/test").status_code == 202
    assert writer.delete(path).status_code == 204


def test_event_has_actor_and_request_id(api: Caller) -> None:
    response = api.post("/v1/webhooks", {"url": URL}, headers={"X-Request-Id": "trace-7"})
    event = Event.objects.get(type="WebhookAdded")
    assert event.actor.startswith("key:lk_")
    assert event.request_id == "trace-7"
    assert event.data["url"] == "https://hooks.example"
    assert response.json()["secret"] not in event.data_json
