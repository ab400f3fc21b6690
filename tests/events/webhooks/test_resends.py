"""An event that is sent again: as it was, whatever became of it, and next to the regular deliveries."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from events.models import ChainHead, Event, WebhookAttempt, WebhookEndpoint
from events.webhooks import resends
from events.webhooks.errors import DeliveryNotFound, WebhookNotFound
from events.webhooks.service import WebhookService
from latchkey.preconditions import PreconditionFailed
from latchkey.validation import InvalidParameters
from tests.events.webhooks.conftest import ORIGIN, Now, add_event
from tests.events.webhooks.receiver import Receiver, after, status

pytestmark = pytest.mark.django_db(transaction=True)
Play = Callable[[], None]
TYPES = ["KeyUpdated"]


@pytest.fixture
def endpoint(endpoints: WebhookService, receiver: Receiver) -> WebhookEndpoint:
    """Return an endpoint with three events to deliver, 2 to 4."""
    found = endpoints.add({"url": receiver.url, "event_types": TYPES}).endpoint
    for _ in range(3):
        add_event()
    return found


def row() -> WebhookEndpoint:
    return WebhookEndpoint.objects.get()


def attempt_of(event_id: int) -> WebhookAttempt:
    return WebhookAttempt.objects.filter(event_id=event_id).earliest("id")


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("webhook_deliveries_total", {"outcome": outcome}) or 0.0


def codes(caught: pytest.ExceptionInfo[InvalidParameters]) -> list[str]:
    return [fault.code for fault in caught.value.errors]


def test_delivered_event_is_sent_again_as_it_was(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play, now: Now
) -> None:
    play()
    before, counter = row(), counted("resend_delivered")
    now.move(seconds=60)
    resend = endpoints.resend(endpoint.endpoint_id, attempt_of(3).pk)
    assert (resend.kind, resend.event_id, resend.outcome, resend.number) == ("resend", 3, "pending", None)
    event = Event.objects.latest("id")
    assert (event.type, event.actor) == ("WebhookResent", ORIGIN.actor)
    assert event.data == {"webhook_id": endpoint.endpoint_id, "event_id": 3, "delivery_id": resend.pk}
    play()
    first, again = (delivery for delivery in receiver.deliveries if delivery.headers["webhook-id"] == "evt_3")
    assert (again.body, receiver.event_ids) == (first.body, [2, 3, 4, 3])
    assert int(again.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 60
    resend.refresh_from_db()
    assert (resend.outcome, resend.number, resend.status, resend.at) == ("delivered", 2, 204, now())
    after_it = row()
    assert after_it.resent_at == now()
    # It passed the WebhookResent, which it doesn't subscribe to.
    assert after_it.delivered_through == event.id
    for name in ("failures", "last_attempt_at", "last_status", "next_attempt_at", "revision"):
        assert getattr(after_it, name) == getattr(before, name)
    assert counted("resend_delivered") == counter + 1
    play()
    assert len(receiver.deliveries) == 4


def test_failing_event_is_sent_again_without_disturbing_its_retries(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play, now: Now
) -> None:
    receiver.responses = [status(500), status(410), status(204)]
    play()
    before = row()
    for outcome in ("failed", "delivered"):
        now.move(seconds=2)
        resend = endpoints.resend(endpoint.endpoint_id, attempt_of(2).pk)
        play()
        resend.refresh_from_db()
        assert (resend.outcome, resend.next_attempt_at) == (outcome, None)
    found = row()
    assert (found.enabled, found.failures, found.delivered_through) == (True, 1, before.delivered_through)
    assert found.next_attempt_at == before.next_attempt_at
    now.move(seconds=1)
    play()
    assert receiver.event_ids == [2, 2, 2, 2, 3, 4]
    assert [attempt.number for attempt in WebhookAttempt.objects.filter(event_id=2)] == [1, 2, 3, 4]


def test_disabled_endpoint_gets_what_is_resent_and_nothing_else(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play, now: Now
) -> None:
    receiver.responses = [status(410)]
    play()
    assert not row().enabled
    endpoints.resend(endpoint.endpoint_id, attempt_of(2).pk)
    play()
    play()
    assert (receiver.event_ids, row().enabled) == ([2, 2], False)


def test_many_clicks_are_one_resend(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play
) -> None:
    play()
    first, second = (endpoints.resend(endpoint.endpoint_id, attempt_of(3).pk) for _ in range(2))
    assert first.pk == second.pk
    assert Event.objects.filter(type="WebhookResent").count() == 1


def test_resends_are_spaced_and_leave_room_for_events(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play, now: Now
) -> None:
    play()
    for event_id in (2, 3, 4):
        endpoints.resend(endpoint.endpoint_id, attempt_of(event_id).pk)
    new = [add_event().id, add_event().id]
    play()
    assert receiver.event_ids[3:] == [2, *new]
    now.move(seconds=1)
    play()
    assert len(receiver.deliveries) == 6
    now.move(seconds=1)
    play()
    now.move(days=-1)
    play()
    assert receiver.event_ids[6:] == [3, 4]


def test_number_of_pending_resends_is_bounded(
    endpoints: WebhookService, endpoint: WebhookEndpoint, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resends.MAX_PENDING_RESENDS == 20
    monkeypatch.setattr(resends, "MAX_PENDING_RESENDS", 2)
    play()
    for event_id in (2, 3, 3):
        endpoints.resend(endpoint.endpoint_id, attempt_of(event_id).pk)
    with pytest.raises(InvalidParameters) as caught:
        endpoints.resend(endpoint.endpoint_id, attempt_of(4).pk)
    assert codes(caught) == ["too-many"]
    assert Event.objects.filter(type="WebhookResent").count() == 2


def test_what_can_not_be_sent_again(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play
) -> None:
    endpoints.request_test(endpoint.endpoint_id)
    play()
    test, *rest = WebhookAttempt.objects.all()
    Event.objects.filter(id=2)._raw_delete(connection.alias)
    for attempt, code in ((test, "not-an-event"), (rest[0], "event-pruned")):
        with pytest.raises(InvalidParameters) as caught:
            endpoints.resend(endpoint.endpoint_id, attempt.pk)
        assert codes(caught) == [code]
    other = endpoints.add({"url": receiver.url}).endpoint
    for unknown in (0, rest[-1].pk + 1, 10**30):
        with pytest.raises(DeliveryNotFound):
            endpoints.resend(endpoint.endpoint_id, unknown)
    with pytest.raises(DeliveryNotFound):
        endpoints.resend(other.endpoint_id, rest[-1].pk)
    with pytest.raises(WebhookNotFound):
        endpoints.resend("wh_000000000000", rest[-1].pk)


def test_event_that_was_pruned_after_the_request_is_skipped(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play
) -> None:
    play()
    lost = endpoints.resend(endpoint.endpoint_id, attempt_of(2).pk)
    found = endpoints.resend(endpoint.endpoint_id, attempt_of(3).pk)
    Event.objects.filter(id=2)._raw_delete(connection.alias)
    play()
    for resend in (lost, found):
        resend.refresh_from_db()
    assert (lost.outcome, lost.error) == ("failed", "event no longer in the log")
    assert (found.outcome, receiver.event_ids) == ("delivered", [2, 3, 4, 3])


def test_crash_before_recording_repeats_the_resend(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play, now: Now,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    play()
    endpoints.resend(endpoint.endpoint_id, attempt_of(2).pk)

    def killed(*args: Any) -> str:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("events.webhooks.dispatcher.record_attempt", killed)
        play()
    now.move(minutes=2)
    play()
    assert receiver.event_ids[3:] == [2, 2]


def test_endpoint_that_is_removed_meanwhile_takes_the_resend_along(
    endpoints: WebhookService, endpoint: WebhookEndpoint, receiver: Receiver, play: Play
) -> None:
    play()
    endpoints.resend(endpoint.endpoint_id, attempt_of(2).pk)

    def remove() -> None:
        endpoints.remove(endpoint.endpoint_id)
        connection.close()

    receiver.responses = [after(remove, status(204))]
    play()
    assert receiver.event_ids[3:] == [2]
    assert not WebhookAttempt.objects.exists()
    assert ChainHead.objects.get().last_id == 6


def test_stale_state_is_not_acted_on(endpoint: WebhookEndpoint, endpoints: WebhookService, play: Play) -> None:
    play()
    stale = WebhookService(ORIGIN, endpoints._peppers, endpoints._now, expected=[7])
    with pytest.raises(PreconditionFailed):
        stale.resend(endpoint.endpoint_id, attempt_of(2).pk)
    assert not WebhookAttempt.objects.filter(kind="resend").exists()
