from datetime import timedelta

import pytest

from events.models import ChainHead, WebhookEndpoint
from events.types import EventType
from events.webhooks.backoff import MAX_DELAY
from events.webhooks.next_delivery import count_pending, due_endpoints, next_delivery
from events.webhooks.service import WebhookService
from tests.events.webhooks.conftest import Now, add_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def pk(endpoints: WebhookService) -> int:
    return int(endpoints.add({"url": "https://hooks.example/"}).endpoint.pk)


def change(**values: object) -> None:
    WebhookEndpoint.objects.update(**values)


def test_due_is_what_is_behind(pk: int, now: Now) -> None:
    assert due_endpoints(now()) == []
    add_event()
    assert due_endpoints(now()) == [pk]


def test_what_waits_is_due_when_its_time_has_come(pk: int, now: Now) -> None:
    add_event()
    change(next_attempt_at=now() + timedelta(seconds=5))
    assert due_endpoints(now()) == []
    now.move(seconds=5)
    assert due_endpoints(now()) == [pk]


def test_what_is_disabled_is_not_due(pk: int, now: Now) -> None:
    add_event()
    change(enabled=False, disabled_reason="operator")
    assert due_endpoints(now()) == []


def test_test_is_due_in_any_state(pk: int, now: Now) -> None:
    change(enabled=False, disabled_reason="dead", next_attempt_at=now() + timedelta(hours=1), test_requested_at=now())
    assert due_endpoints(now()) == [pk]


def test_clock_set_back_delays_nothing(pk: int, now: Now) -> None:
    add_event()
    change(next_attempt_at=now() + MAX_DELAY)
    assert due_endpoints(now()) == []
    assert next_delivery(pk, now()) is None
    change(next_attempt_at=now() + MAX_DELAY + timedelta(seconds=1))
    assert due_endpoints(now()) == [pk]
    assert next_delivery(pk, now()) is not None
    change(test_requested_at=now(), tested_at=now() + timedelta(days=1), enabled=False, disabled_reason="operator")
    assert due_endpoints(now()) == [pk]


def test_events_are_sent_between_tests(pk: int, now: Now) -> None:
    event = add_event()
    change(test_requested_at=now(), tested_at=now())
    for seconds, sent in ((9, event), (1, None)):
        now.move(seconds=seconds)
        found = next_delivery(pk, now())
        assert found is not None
        assert found.event == sent
    change(delivered_through=event.id, tested_at=now())
    assert due_endpoints(now()) == []
    now.move(seconds=10)
    assert due_endpoints(now()) == [pk]


def test_pending_is_counted_up_to_a_bound(pk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.webhooks.next_delivery.MAX_PENDING", 3)
    endpoint = WebhookEndpoint.objects.get()
    filtered = WebhookEndpoint(delivered_through=endpoint.delivered_through, event_types=["KeyUpdated", "KeyRevoked"])
    for added in range(5):
        assert [count_pending(endpoint), count_pending(filtered)] == [min(added, 3), min(added, 3)]
        add_event(EventType.KEY_REVOKED if added % 2 else EventType.KEY_UPDATED)
    ChainHead.objects.update(last_id=0)
    assert count_pending(endpoint) == 0
