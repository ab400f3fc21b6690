from datetime import timedelta

import pytest

from events.webhooks.assignment import due_endpoints
from events.webhooks.endpoints import WebhookEndpoints
from events.webhooks.models import WebhookEndpoint
from tests.events.webhooks.conftest import Now, add_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def pk(endpoints: WebhookEndpoints) -> int:
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


def test_a_test_is_due_whatever_else(pk: int, now: Now) -> None:
    change(enabled=False, disabled_reason="dead", next_attempt_at=now() + timedelta(hours=1), test_requested_at=now())
    assert due_endpoints(now()) == [pk]
