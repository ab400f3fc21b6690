"""The REST calls about deliveries, with a real receiver."""

import asyncio
import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from apikeys.config_service import ConfigService
from apikeys.peppers import configured_peppers
from events.models import Event, WebhookAttempt, WebhookEndpoint
from events.webhooks.dispatcher import Dispatcher
from tests.conftest import Caller
from tests.events.webhooks.receiver import Receiver, body, receiving

pytestmark = pytest.mark.django_db(transaction=True)
SUMMARY = [
    "id", "kind", "event_id", "event_type", "attempt", "outcome", "status", "error", "at", "duration_ms",
    "next_attempt_at",
]  # fmt: skip


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOWED_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    with receiving() as running:
        yield running


@pytest.fixture
def path(api: Caller, receiver: Receiver) -> str:
    """The path of a webhook that receives what is issued."""
    response = api.post("/v1/webhooks", {"url": receiver.url, "event_types": ["KeyIssued"]})
    return str(response["Location"])


def dispatch() -> None:
    asyncio.run(Dispatcher(configured_peppers(), lambda: True).run_once())


def deliver(service: ConfigService, count: int = 1) -> None:
    for number in range(count):
        service.issue({"label": f"key {number}"})
    dispatch()


def items(api: Caller, path: str, query: str = "") -> list[dict[str, Any]]:
    response = api.get(f"{path}/deliveries{query}")
    assert response.status_code == 200
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def caller_with(service: ConfigService, *scopes: str) -> Caller:
    return Caller(service.issue({"label": "x", "scopes": list(scopes)}).credential.reveal())


def test_attempts_are_listed_newest_first(api: Caller, service: ConfigService, path: str, receiver: Receiver) -> None:
    receiver.responses = [body(200, b"thanks"), body(503, b"busy")]
    deliver(service, 3)
    failed, delivered = items(api, path)
    assert list(failed) == list(delivered) == SUMMARY
    assert (delivered["outcome"], delivered["status"], delivered["error"]) == ("delivered", 200, "")
    assert (failed["outcome"], failed["status"], failed["error"]) == ("failed", 503, "HTTP 503")
    assert (failed["kind"], failed["event_type"], failed["attempt"]) == ("event", "KeyIssued", 1)
    assert failed["next_attempt_at"] == api.get(path).json()["delivery"]["next_attempt_at"]
    assert isinstance(failed["duration_ms"], int)
    page = api.get(f"{path}/deliveries?limit=1").json()
    assert (page["items"], page["next"]) == ([failed], failed["id"])
    rest = api.get(f"{path}/deliveries?limit=1&before={page['next']}").json()
    assert (rest["items"], rest["next"]) == ([delivered], None)


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?before=0", "?before=x", "?after=1"])
def test_invalid_page_is_rejected(api: Caller, path: str, query: str) -> None:
    assert api.get(f"{path}/deliveries{query}").status_code == 422


def test_delivery_shows_request_and_response(
    api: Caller, service: ConfigService, path: str, receiver: Receiver
) -> None:
    receiver.responses = [body(500, b"the key is lk_0123456789ab:lks_abcdef012345")]
    deliver(service)
    (listed,) = items(api, path)
    shown = api.get(f"{path}/deliveries/{listed['id']}")
    found = shown.json()
    assert {name: found[name] for name in SUMMARY} == listed
    (received,) = receiver.deliveries
    assert found["request"]["body"] == received.body.decode()
    assert json.loads(found["request"]["body"])["type"] == "KeyIssued"
    assert found["request"]["headers"]["webhook-id"] == f"evt_{listed['event_id']}"
    assert found["request"]["headers"]["webhook-signature"] == "v1,[redacted]"
    assert received.headers["webhook-signature"].removeprefix("v1,") not in shown.content.decode()
    assert found["response_body"] == "the key is lk_0123456789ab:lks_[redacted]"


def test_body_is_null_once_the_event_is_pruned(api: Caller, service: ConfigService, path: str) -> None:
    deliver(service)
    (listed,) = items(api, path)
    Event.objects.filter(id=listed["event_id"])._raw_delete(connection.alias)
    assert api.get(f"{path}/deliveries/{listed['id']}").json()["request"]["body"] is None
    rejected = api.post(f"{path}/deliveries/{listed['id']}/resend")
    assert (rejected.status_code, rejected.json()["errors"][0]["code"]) == (422, "event-pruned")


def test_resend_is_pending_and_then_delivered(
    api: Caller, service: ConfigService, path: str, receiver: Receiver
) -> None:
    deliver(service)
    (listed,) = items(api, path)
    response = api.post(f"{path}/deliveries/{listed['id']}/resend", headers={"X-Request-Id": "again-7"})
    resend = response.json()
    assert (response.status_code, list(resend)) == (202, SUMMARY)
    assert (resend["kind"], resend["outcome"], resend["attempt"]) == ("resend", "pending", None)
    event = Event.objects.get(type="WebhookResent")
    assert (event.actor[:7], event.request_id) == ("key:lk_", "again-7")
    dispatch()
    again = items(api, path)[0]
    assert (again["id"], again["outcome"], again["attempt"]) == (resend["id"], "delivered", 2)
    assert [delivery.headers["webhook-id"] for delivery in receiver.deliveries] == [f"evt_{listed['event_id']}"] * 2
    assert len({delivery.body for delivery in receiver.deliveries}) == 1


def test_test_is_listed_but_not_resent(api: Caller, path: str, receiver: Receiver) -> None:
    api.post(f"{path}/test")
    dispatch()
    (test,) = items(api, path)
    assert (test["kind"], test["event_id"], test["event_type"]) == ("test", None, "WebhookTest")
    assert api.get(f"{path}/deliveries/{test['id']}").json()["request"]["body"] == receiver.deliveries[0].body.decode()
    rejected = api.post(f"{path}/deliveries/{test['id']}/resend")
    assert (rejected.status_code, rejected.json()["errors"][0]["code"]) == (422, "not-an-event")


def test_unknown_deliveries_are_not_found(api: Caller, service: ConfigService, path: str) -> None:
    deliver(service)
    (listed,) = items(api, path)
    other = api.post("/v1/webhooks", {"url": "https://hooks.example/"})["Location"]
    for name in (f"{path}/deliveries/0", f"{path}/deliveries/{10**30}", f"{other}/deliveries/{listed['id']}"):
        assert api.get(name).status_code == 404
        assert api.post(f"{name}/resend").status_code == 404
    assert api.get(f"{path}/deliveries/x").status_code == 404
    assert api.get("/v1/webhooks/wh_000000000000/deliveries").status_code == 404


@pytest.mark.parametrize(
    ("scopes", "list_status", "show_status", "resend_status"),
    [
        (["webhooks:read"], 200, 403, 403),
        (["webhooks:read", "events:read"], 200, 200, 403),
        (["webhooks:write"], 403, 403, 202),
        (["events:read"], 403, 403, 403),
    ],
)
def test_scopes(
    api: Caller, service: ConfigService, path: str, scopes: list[str], list_status: int, show_status: int,
    resend_status: int,
) -> None:  # fmt: skip
    deliver(service)
    (listed,) = items(api, path)
    caller = caller_with(service, *scopes)
    assert caller.get(f"{path}/deliveries").status_code == list_status
    assert caller.get(f"{path}/deliveries/{listed['id']}").status_code == show_status
    assert caller.post(f"{path}/deliveries/{listed['id']}/resend").status_code == resend_status
    assert WebhookAttempt.objects.filter(kind="resend").exists() is (resend_status == 202)


def test_page_takes_few_queries(
    api: Caller, service: ConfigService, path: str, django_assert_max_num_queries: Any
) -> None:
    deliver(service, 10)
    api.get(path)
    with django_assert_max_num_queries(3):
        assert len(items(api, path)) == 10
    assert WebhookEndpoint.objects.get().attempts.count() == 10
