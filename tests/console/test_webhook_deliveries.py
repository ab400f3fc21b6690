"""Pages of deliveries: the table, one delivery, and the button that sends its event again."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone

from apikeys.config_service import ConfigService
from events.models import Event, WebhookAttempt, WebhookEndpoint
from events.webhooks import resends
from events.webhooks.attempt_pages import sent_body

pytestmark = pytest.mark.django_db
LIST = "/admin/events/webhookendpoint/"


@pytest.fixture
def webhook(service: ConfigService) -> WebhookEndpoint:
    service.issue({"label": "billing worker"})
    return service.webhooks.add({"url": "https://hooks.example/x", "label": "pager"}).endpoint


def attempt(webhook: WebhookEndpoint, **values: Any) -> WebhookAttempt:
    usual = {
        "kind": "event", "event_id": 1, "event_type": "KeyIssued", "number": 1, "outcome": "delivered", "status": 204,
        "at": timezone.now(), "duration_ms": 1234, "request_headers": {"webhook-id": "evt_1"},
    }  # fmt: skip
    return webhook.attempts.create(**{**usual, **values})


def place(webhook: WebhookEndpoint, one: WebhookAttempt | None = None, end: str = "") -> str:
    return f"{LIST}{webhook.endpoint_id}/deliveries/{f'{one.pk}/{end}' if one else ''}"


def text_of(client: Client, page: str) -> str:
    response = client.get(page)
    assert response.status_code == 200
    return response.content.decode()


def test_webhook_shows_its_latest_deliveries(admin: Client, webhook: WebhookEndpoint) -> None:
    page = f"{LIST}{webhook.endpoint_id}/change/"
    assert "Nothing was sent yet." in text_of(admin, page)
    soon = timezone.now() + timedelta(minutes=5, seconds=30)
    failed = attempt(
        webhook, outcome="failed", number=3, status=500, error="HTTP 500", next_attempt_at=soon, response_body="oops"
    )
    test = attempt(webhook, kind="test", event_id=None, event_type="WebhookTest")
    shown = text_of(admin, page)
    for expected in (
        "billing worker</a>", "attempt 3", '<span class="badge critical">failed</span>', "HTTP 500", "1,234 ms",
        "in 5 minutes", "Test delivery", '<span class="badge active">delivered</span>', "UTC",
        f'<a href="{place(webhook, failed)}">{failed.pk}</a>', f'<a href="{place(webhook, test)}">{test.pk}</a>',
    ):  # fmt: skip
        assert expected in shown, expected
    assert "All deliveries" not in shown
    for _ in range(20):
        attempt(webhook)
    assert "All deliveries" in text_of(admin, page)
    assert f">{failed.pk}</a>" not in text_of(admin, page)
    assert f">{failed.pk}</a>" in text_of(admin, place(webhook))


def test_table_takes_few_queries(
    admin: Client, webhook: WebhookEndpoint, service: ConfigService, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        event_id = service.issue({"label": f"key {number}"}) and Event.objects.latest("id").pk
        attempt(webhook, event_id=event_id)
    text_of(admin, place(webhook))
    with django_assert_max_num_queries(12):
        assert "key 29" in text_of(admin, place(webhook))


def test_delivery_shows_request_and_response(admin: Client, webhook: WebhookEndpoint) -> None:
    one = attempt(webhook, status=500, outcome="failed", error="HTTP 500", response_body="<script>alert(1)</script>")
    shown = text_of(admin, place(webhook, one))
    body = json.loads(sent_body(one, webhook) or "")
    assert body["type"] == "KeyIssued"
    assert body["digest"] in shown
    assert "evt_1" in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    assert ">Resend</button>" in shown


def test_test_delivery_has_a_body_and_is_not_resent(admin: Client, webhook: WebhookEndpoint) -> None:
    one = attempt(webhook, kind="test", event_id=None, event_type="WebhookTest")
    shown = text_of(admin, place(webhook, one))
    assert webhook.endpoint_id in shown
    assert "WebhookTest" in shown
    assert ">Resend</button>" not in shown
    sent = admin.post(place(webhook, one, "resend/"), {"known_epoch": webhook.revision}, follow=True)
    assert "This was a test. Send another test instead." in sent.content.decode()


@pytest.mark.parametrize("outcome", ["delivered", "failed"])
def test_resend_is_requested_once_and_leads_to_the_new_delivery(
    admin: Client, webhook: WebhookEndpoint, outcome: str
) -> None:
    one = attempt(webhook, outcome=outcome)
    for _ in range(2):
        sent = admin.post(place(webhook, one, "resend/"), {"known_epoch": webhook.revision}, follow=True)
        (resend,) = WebhookAttempt.objects.filter(kind="resend")
        assert sent.redirect_chain == [(place(webhook, resend), 302)]
        assert "The event is being sent again." in sent.content.decode()
        assert '<span class="badge ">pending</span>' in sent.content.decode()
        assert "Nothing was sent yet." in sent.content.decode()
    event = Event.objects.latest("id")
    assert (event.type, event.actor, event.data["event_id"]) == ("WebhookResent", "user:ada", 1)
    assert Event.objects.filter(type="WebhookResent").count() == 1


def test_too_many_resends_are_rejected_with_a_message(
    admin: Client, webhook: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resends, "MAX_PENDING_RESENDS", 0)
    one = attempt(webhook)
    sent = admin.post(place(webhook, one, "resend/"), {"known_epoch": webhook.revision}, follow=True)
    assert "resends of this webhook are pending. Try again later." in sent.content.decode()


def test_stale_page_resends_nothing(admin: Client, webhook: WebhookEndpoint, service: ConfigService) -> None:
    one = attempt(webhook)
    service.webhooks.update(webhook.endpoint_id, {"url": "https://hooks.example/moved"})
    for form in ({"known_epoch": "0"}, {}):
        sent = admin.post(place(webhook, one, "resend/"), form, follow=True)
        assert f"{webhook.endpoint_id} was changed by command:test at " in sent.content.decode()
    assert not WebhookAttempt.objects.filter(kind="resend").exists()


def test_pruned_event_is_said_to_be_gone(admin: Client, webhook: WebhookEndpoint) -> None:
    one = attempt(webhook)
    Event.objects.filter(id=1)._raw_delete(connection.alias)
    shown = text_of(admin, place(webhook, one))
    assert "The event is no longer in the event log" in shown
    assert "KeyIssued, event 1" in shown
    assert ">Resend</button>" not in shown


def test_delivery_of_another_webhook_is_not_found(
    admin: Client, webhook: WebhookEndpoint, service: ConfigService
) -> None:
    one = attempt(service.webhooks.add({"url": "https://hooks.example/y"}).endpoint)
    assert admin.get(place(webhook, one)).status_code == 404
    assert admin.post(place(webhook, one, "resend/"), {"known_epoch": "0"}).status_code == 404
    assert admin.get(f"{place(webhook)}{10**30}/").status_code == 404
    assert admin.get(f"{LIST}wh_000000000000/deliveries/").status_code == 404


def test_viewer_reads_and_resends_nothing(client: Client, webhook: WebhookEndpoint) -> None:
    viewer = User.objects.create_user("vi", is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    one = attempt(webhook)
    assert ">Resend</button>" not in text_of(client, place(webhook, one))
    assert client.post(place(webhook, one, "resend/"), {"known_epoch": webhook.revision}).status_code == 403
    assert not WebhookAttempt.objects.filter(kind="resend").exists()


def test_without_events_nothing_of_an_event_is_shown(client: Client, webhook: WebhookEndpoint) -> None:
    """Such a person may see webhooks, but would read the event log through their deliveries."""
    person = User.objects.create_user("vi", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_webhookendpoint"))
    client.force_login(person)
    one = attempt(webhook, response_body='received {"label": "billing worker"}')
    for page in (place(webhook), place(webhook, one), f"{LIST}{webhook.endpoint_id}/change/"):
        shown = text_of(client, page)
        assert "KeyIssued, event 1" in shown
        assert "billing worker" not in shown
    assert text_of(client, place(webhook, one)).count("You need the permission to view events") == 2
