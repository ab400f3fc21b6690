"""The log of attempts: what it keeps of each, and that it stays small."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from events.models import Event, WebhookAttempt, WebhookEndpoint
from events.webhooks import attempt_log
from events.webhooks import dispatcher as dispatcher_module
from events.webhooks.attempt_log import KEPT_FOR, prune_attempts
from events.webhooks.next_delivery import message_body
from events.webhooks.secret import PREFIX
from events.webhooks.service import WebhookService
from health.scheduler.tasks import EVERY_HOUR, Run, tasks
from ratelimit.limiter import default_limiter
from tests.events.webhooks.conftest import Now, add_event
from tests.events.webhooks.receiver import Receiver, after, body, echo, status

pytestmark = pytest.mark.django_db(transaction=True)
Play = Callable[[], None]


def attempts() -> list[WebhookAttempt]:
    return list(WebhookAttempt.objects.all())


def summaries() -> list[tuple[object, ...]]:
    return list(WebhookAttempt.objects.values_list("kind", "event_id", "number", "outcome", "status", "error"))


def test_each_attempt_is_kept_with_what_was_sent_and_received(
    endpoints: WebhookService, receiver: Receiver, play: Play, now: Now
) -> None:
    endpoints.add({"url": receiver.url})
    event = add_event()
    began = now()

    def take_a_second() -> None:
        now.move(seconds=1)

    receiver.responses = [after(take_a_second, body(500, b"<b>100 %s 'out' of \\ order;</b>")), status(204)]
    play()
    (failed,) = attempts()
    assert summaries() == [("event", event.id, 1, "failed", 500, "HTTP 500")]
    assert (failed.at, failed.duration_ms, failed.event_type) == (began, 1000, "KeyUpdated")
    assert failed.next_attempt_at == WebhookEndpoint.objects.get().next_attempt_at == now() + timedelta(seconds=5)
    assert failed.response_body == "<b>100 %s 'out' of \\ order;</b>"
    now.move(seconds=5)
    play()
    assert summaries()[1:] == [("event", event.id, 2, "delivered", 204, "")]
    for attempt, delivery in zip(attempts(), receiver.deliveries, strict=True):
        sent = {name.lower(): value for name, value in attempt.request_headers.items()}
        assert sent == {**delivery.headers, "webhook-signature": "v1,[redacted]"}
        assert message_body(attempt.endpoint, event, attempt.at) == delivery.body


def test_tests_are_kept_with_the_body_that_was_sent(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    endpoint = endpoints.add({"url": receiver.url}).endpoint
    endpoints.request_test(endpoint.endpoint_id)
    play()
    assert summaries() == [("test", None, 1, "delivered", 204, ""), ("event", 2, 1, "delivered", 204, "")]
    test = attempts()[0]
    assert test.event_type == "WebhookTest"
    assert test.request_headers["webhook-id"] == receiver.deliveries[0].headers["webhook-id"]
    assert message_body(endpoint, None, test.at) == receiver.deliveries[0].body


def test_both_signatures_of_a_rotation_are_hidden(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    endpoints.rotate_secret(endpoints.add({"url": receiver.url}).endpoint.endpoint_id)
    play()
    assert attempts()[0].request_headers["webhook-signature"] == "v1,[redacted] v1,[redacted]"


def test_receiver_that_sends_secrets_back_puts_none_into_the_log(
    endpoints: WebhookService, receiver: Receiver, play: Play, now: Now
) -> None:
    first = endpoints.add({"url": receiver.url})
    second = endpoints.rotate_secret(first.endpoint.endpoint_id)
    bare = [issued.secret.removeprefix(PREFIX) for issued in (first, second)]
    receiver.responses = [echo, body(200, json.dumps([first.secret, *bare]).encode())]
    play()
    now.move(minutes=1)
    play()
    signatures = [
        signature.removeprefix("v1,")
        for delivery in receiver.deliveries
        for signature in delivery.headers["webhook-signature"].split()
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM events_webhookattempt")
        kept = str(cursor.fetchall())
    assert "webhook-id: evt_2" in kept
    assert len(signatures) == 4
    for hidden in (*bare, *signatures):
        assert hidden not in kept


def test_nothing_is_sent_and_the_reason_is_kept(
    endpoints: WebhookService, receiver: Receiver, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints.add({"url": receiver.url})
    WebhookEndpoint.objects.update(pepper_id="p0")
    add_event()
    play()
    assert summaries() == [("event", 2, 1, "failed", None, "pepper p0 is missing")]
    assert attempts()[0].request_headers == {}


def test_given_up_endpoint_has_no_next_attempt(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    endpoints.add({"url": receiver.url, "event_types": ["KeyUpdated"]})
    add_event()
    receiver.responses = [status(410)]
    play()
    assert attempts()[0].next_attempt_at is None


def test_only_the_latest_attempts_of_each_endpoint_stay(
    endpoints: WebhookService, receiver: Receiver, other_receiver: Receiver, play: Play, now: Now,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert attempt_log.MAX_ATTEMPTS == 200
    monkeypatch.setattr(attempt_log, "MAX_ATTEMPTS", 3)
    endpoints.add({"url": other_receiver.url, "event_types": ["KeyRevoked", "WebhookAdded"]})
    many = endpoints.add({"url": receiver.url}).endpoint
    for _ in range(6):
        add_event()
    resent = many.attempts.create(kind="resend", event_id=1, event_type="WebhookAdded", outcome="pending", at=now())
    WebhookEndpoint.objects.update(resent_at=now())
    play()
    kept = WebhookAttempt.objects.filter(endpoint=many, kind="event").values_list("event_id", flat=True)
    assert list(kept) == [6, 7, 8]
    assert WebhookAttempt.objects.filter(pk=resent.pk).exists(), "a pending resend is no log entry yet"
    assert WebhookAttempt.objects.exclude(endpoint=many).count() == 1


def test_result_of_a_resend_stays_although_others_were_made_since_its_request(
    endpoints: WebhookService, receiver: Receiver, play: Play, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_log, "MAX_ATTEMPTS", 3)
    endpoint = endpoints.add({"url": receiver.url, "event_types": ["KeyUpdated"]}).endpoint
    add_event()
    play()
    resent = endpoints.resend(endpoint.endpoint_id, attempts()[0].pk)
    WebhookEndpoint.objects.update(resent_at=now())
    for _ in range(3):
        add_event()
    play()
    now.move(seconds=2)
    play()
    resent.refresh_from_db()
    assert resent.outcome == "delivered"
    assert WebhookAttempt.objects.count() == 3
    add_event()
    play()
    assert WebhookAttempt.objects.count() == 3


def test_steward_deletes_old_attempts(endpoints: WebhookService, receiver: Receiver, play: Play, now: Now) -> None:
    endpoints.add({"url": receiver.url})
    add_event()
    add_event()
    play()
    old, new = attempts()
    WebhookAttempt.objects.filter(pk=old.pk).update(at=now() - KEPT_FOR)
    WebhookAttempt.objects.filter(pk=new.pk).update(at=now() - KEPT_FOR + timedelta(seconds=1))
    (task,) = (task for task in tasks(default_limiter()) if task.name == "forget_old_deliveries")
    assert task.every_runs == EVERY_HOUR
    task.run(Run(now(), "request"))
    assert attempts() == [new]
    assert prune_attempts(now()) == 0


def test_removed_endpoint_leaves_nothing(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    endpoint_id = endpoints.add({"url": receiver.url}).endpoint.endpoint_id
    for _ in range(2):
        add_event()

    def remove() -> None:
        endpoints.remove(endpoint_id)
        connection.close()

    receiver.responses = [status(204), after(remove, status(204))]
    play()
    assert receiver.event_ids == [2, 3]
    assert attempts() == []


def test_cursor_stays_if_the_log_can_not_be_written(
    endpoints: WebhookService, receiver: Receiver, play: Play, monkeypatch: pytest.MonkeyPatch, now: Now
) -> None:
    """The event comes again: once too often, never once too few."""
    endpoints.add({"url": receiver.url})
    add_event()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("events.webhooks.record.log_attempt", fail)
        play()
    assert (WebhookEndpoint.objects.get().delivered_through, attempts()) == (1, [])
    now.move(minutes=2)
    play()
    assert receiver.event_ids == [2, 2]
    assert summaries() == [("event", 2, 1, "delivered", 204, "")]


def test_unexpected_error_is_kept(
    endpoints: WebhookService, play: Play, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    async def crash(*_: object) -> None:
        raise ZeroDivisionError

    endpoints.add({"url": receiver.url})
    add_event()
    monkeypatch.setattr(dispatcher_module, "deliver", crash)
    play()
    assert summaries() == [("event", 2, 1, "failed", None, "internal error")]
    assert Event.objects.count() == 2
