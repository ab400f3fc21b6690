"""What a failure does to an endpoint: it waits, is given up, and comes back."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from prometheus_client import REGISTRY
from pytest_django import Settings

from events.models import Event, WebhookEndpoint
from events.webhooks import dispatcher as dispatcher_module
from events.webhooks.service import WebhookService
from tests.events.webhooks.conftest import Now, add_event
from tests.events.webhooks.receiver import Receiver, after, status

pytestmark = pytest.mark.django_db(transaction=True)
Play = Callable[[], None]
TYPES = ["KeyUpdated", "WebhookDisabled", "WebhookUpdated"]


@pytest.fixture
def endpoint_id(endpoints: WebhookService, receiver: Receiver) -> str:
    """Return an endpoint with one event to deliver, whose receiver always fails."""
    receiver.responses = [status(500)] * 1000
    found = endpoints.add({"url": receiver.url, "event_types": TYPES}).endpoint.endpoint_id
    add_event()
    return found


def row() -> WebhookEndpoint:
    return WebhookEndpoint.objects.get()


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("webhook_deliveries_total", {"outcome": outcome}) or 0.0


def test_each_failure_waits_longer(endpoint_id: str, receiver: Receiver, play: Play, now: Now) -> None:
    began = now()
    for failures, pause in enumerate((5, 10, 20, 40), 1):
        play()
        found = row()
        assert (found.failures, found.failing_since, found.last_attempt_at) == (failures, began, now())
        assert (found.last_status, found.last_error) == (500, "HTTP 500")
        assert found.next_attempt_at == now() + timedelta(seconds=pause)
        now.move(seconds=pause - 1)
        play()
        assert len(receiver.deliveries) == failures
        now.move(seconds=1)


def test_success_ends_the_failure(endpoint_id: str, receiver: Receiver, play: Play, now: Now) -> None:
    receiver.responses = [status(429, Retry_After="900")]
    play()
    assert row().next_attempt_at == now() + timedelta(seconds=900)
    now.move(seconds=900)
    play()
    found = row()
    assert (found.failures, found.failing_since, found.next_attempt_at) == (0, None, None)
    assert (found.last_status, found.last_error, found.last_attempt_at) == (204, "", now())


def test_dead_endpoint_resumes_where_it_stopped(
    endpoint_id: str, endpoints: WebhookService, receiver: Receiver, play: Play, now: Now
) -> None:
    disabled = counted("disabled")
    for _ in range(9):
        play()
        now.move(hours=1)
    now.move(hours=63)
    before = row().revision
    play()
    found = row()
    assert (found.enabled, found.disabled_reason, found.failures) == (False, "dead", 10)
    assert found.revision == before + 1, "a decision on the enabled webhook is stale"
    event = Event.objects.get(type="WebhookDisabled")
    assert (event.actor, event.key_id) == ("system", "")
    assert event.data == {"webhook_id": endpoint_id, "reason": "dead", "last_error": "HTTP 500", "failures": 10}
    assert counted("disabled") == disabled + 1
    now.move(days=1)
    play()
    assert len(receiver.deliveries) == 10
    receiver.responses.clear()
    endpoints.update(endpoint_id, {"enabled": True})
    play()
    assert [delivery.event["type"] for delivery in receiver.deliveries[10:]] == TYPES
    assert (row().failures, row().disabled_reason) == (0, "")


def test_an_hour_short_of_three_days_it_still_lives(endpoint_id: str, play: Play, now: Now) -> None:
    for _ in range(72):
        play()
        now.move(hours=1)
    assert row().enabled
    play()
    assert not row().enabled


def test_410_disables_immediately(endpoint_id: str, receiver: Receiver, play: Play) -> None:
    receiver.responses = [status(410)]
    play()
    assert (row().enabled, row().disabled_reason, row().last_status) == (False, "gone", 410)
    assert Event.objects.get(type="WebhookDisabled").data["reason"] == "gone"


def test_forbidden_address_is_reported(endpoint_id: str, receiver: Receiver, play: Play, settings: Settings) -> None:
    refused = counted("refused")
    settings.WEBHOOK_ALLOWED_NETWORKS = ()
    play()
    assert (row().last_status, row().last_error) == (None, "address not allowed")
    assert counted("refused") == refused + 1
    assert receiver.deliveries == []


def test_missing_pepper_is_reported(endpoint_id: str, receiver: Receiver, play: Play) -> None:
    WebhookEndpoint.objects.update(pepper_id="p0")
    play()
    assert row().last_error == "pepper p0 is missing"
    assert receiver.deliveries == []


def test_new_url_is_tried_immediately(
    endpoint_id: str, endpoints: WebhookService, other_receiver: Receiver, play: Play
) -> None:
    play()
    assert row().failures == 1
    endpoints.update(endpoint_id, {"url": other_receiver.url})
    play()
    assert other_receiver.event_ids == [2, 3]


def test_failure_is_ignored_after_a_change(
    endpoint_id: str, endpoints: WebhookService, receiver: Receiver, play: Play
) -> None:
    def change() -> None:
        endpoints.update(endpoint_id, {"url": receiver.url + "&v=2"})
        connection.close()

    receiver.responses = [after(change, status(410)), status(204), status(204)]
    play()
    assert (row().enabled, row().failures) == (True, 0)
    assert receiver.event_ids == [2, 2, 3]


@pytest.mark.parametrize(("code", "error", "outcome"), [(204, "", "test_delivered"), (500, "HTTP 500", "test_failed")])
def test_test_is_sent_immediately_and_changes_nothing(
    endpoint_id: str, endpoints: WebhookService, receiver: Receiver, play: Play, now: Now, code: int, error: str,
    outcome: str,
) -> None:  # fmt: skip
    play()
    endpoints.update(endpoint_id, {"enabled": False})
    before = counted(outcome)
    endpoints.request_test(endpoint_id)
    receiver.responses = [status(code)]
    play()
    test = receiver.deliveries[-1]
    assert test.headers["webhook-id"].startswith("test_")
    assert (test.event["type"], test.event["data"]) == ("WebhookTest", {"webhook_id": endpoint_id})
    found = row()
    assert found.last_test == {
        "at": now().strftime("%Y-%m-%dT%H:%M:%SZ"), "status": code, "error": error,
    }  # fmt: skip
    assert (found.test_requested_at, found.tested_at) == (None, now())
    assert (found.delivered_through, found.failures) == (1, 1)
    assert counted(outcome) == before + 1
    play()
    assert len(receiver.deliveries) == 2


def test_stale_410_disables_nothing(
    endpoint_id: str, endpoints: WebhookService, receiver: Receiver, play: Play
) -> None:
    def change() -> None:
        for enabled in (False, True):
            endpoints.update(endpoint_id, {"enabled": enabled})
        connection.close()

    receiver.responses = [after(change, status(410))]
    play()
    assert (row().enabled, row().failures) == (True, 0)
    assert receiver.event_ids == [2, 2, 3, 4]


@pytest.mark.parametrize("tested", [False, True])
def test_unexpected_error_counts_as_a_failure(
    endpoint_id: str, endpoints: WebhookService, play: Play, now: Now, monkeypatch: pytest.MonkeyPatch, tested: bool
) -> None:
    async def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(dispatcher_module, "deliver", crash)
    if tested:
        endpoints.request_test(endpoint_id)
    play()
    assert (row().failures, row().last_error) == (1, "internal error")
    assert row().next_attempt_at == now() + timedelta(seconds=5)
    assert row().test_requested_at is None
    assert (row().last_test or {}).get("error") == ("internal error" if tested else None)
