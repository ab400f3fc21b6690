from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apikeys.config_service import ConfigService
from events.models import Event, WebhookEndpoint

pytestmark = pytest.mark.django_db
LIST = "/admin/events/webhookendpoint/"


@pytest.fixture
def webhook(service: ConfigService) -> WebhookEndpoint:
    made = service.webhooks.add({"url": "https://hooks.example/x", "label": "pager"}).endpoint
    service.webhooks.rotate_secret(made.endpoint_id)
    return WebhookEndpoint.objects.get()


def run_action(client: Client, action: str, webhook: WebhookEndpoint, revision: int | None = None) -> Any:
    """Run an action from a list that shows the webhook's revision."""
    shown = WebhookEndpoint.objects.get(pk=webhook.pk).revision if revision is None else revision
    sent = {"action": action, "_selected_action": [webhook.pk], f"known_epoch_{webhook.pk}": shown}
    return client.post(LIST, sent, follow=True)


@pytest.mark.parametrize("action", ["disable", "send_test"])
def test_stale_webhook_list_changes_nothing(
    admin: Client, webhook: WebhookEndpoint, service: ConfigService, action: str
) -> None:
    text = admin.get(LIST).content.decode()
    assert f'name="known_epoch_{webhook.pk}" value="{webhook.revision}"' in text
    service.webhooks.update(webhook.endpoint_id, {"url": "https://hooks.example/moved"})
    answer = run_action(admin, action, webhook, webhook.revision).content.decode()
    assert f"{webhook.endpoint_id} was changed after this list was loaded" in answer
    found = WebhookEndpoint.objects.get()
    assert (found.enabled, found.test_requested_at) == (True, None)


def test_actions_go_through_the_service_with_the_user_as_actor(admin: Client, webhook: WebhookEndpoint) -> None:
    run_action(admin, "disable", webhook)
    assert WebhookEndpoint.objects.get().disabled_reason == "operator"
    run_action(admin, "enable", webhook)
    assert WebhookEndpoint.objects.get().enabled
    run_action(admin, "send_test", webhook)
    assert WebhookEndpoint.objects.get().test_requested_at is not None
    assert list(Event.objects.values_list("type", "actor"))[2:] == [
        ("WebhookUpdated", "user:ada"),
        ("WebhookUpdated", "user:ada"),
        ("WebhookTested", "user:ada"),
    ]


def test_pages_show_neither_secret_nor_salt(admin: Client, webhook: WebhookEndpoint) -> None:
    for page in (LIST, f"{LIST}{webhook.endpoint_id}/change/"):
        response = admin.get(page)
        assert response.status_code == 200
        text = response.content.decode()
        assert webhook.endpoint_id in text
        for kept in (webhook.salt, webhook.retiring_salt, "whsec_"):
            assert kept not in text


@pytest.mark.parametrize("where", ["add/", "{}/change/"])
def test_form_without_url_writes_nothing(admin: Client, webhook: WebhookEndpoint, where: str) -> None:
    response = admin.post(LIST + where.format(webhook.endpoint_id), {"label": "new", "known_epoch": webhook.revision})
    assert "This field is required." in response.content.decode()
    assert WebhookEndpoint.objects.get().label == "pager"


def test_djangos_own_delete_page_is_closed(admin: Client, webhook: WebhookEndpoint) -> None:
    assert admin.post(f"{LIST}{webhook.endpoint_id}/delete/", {"post": "yes"}).status_code == 403
    assert WebhookEndpoint.objects.exists()


def test_a_viewer_changes_nothing(client: Client, webhook: WebhookEndpoint) -> None:
    viewer = User.objects.create_user("vi", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_webhookendpoint"))
    client.force_login(viewer)
    assert client.get(LIST).status_code == 200
    run_action(client, "disable", webhook)
    assert WebhookEndpoint.objects.get().enabled
