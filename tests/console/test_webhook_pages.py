"""Pages of one webhook: add, change, test, enable, rotate, delete."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apikeys.config_service import ConfigService
from events.models import Event, WebhookEndpoint

pytestmark = pytest.mark.django_db
LIST = "/admin/events/webhookendpoint/"
URL = "https://hooks.example/x"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
def webhook(service: ConfigService) -> WebhookEndpoint:
    return service.webhooks.add({"url": URL, "label": "pager", "event_types": ["KeyIssued"]}).endpoint


def page_of(webhook: WebhookEndpoint, name: str = "change") -> str:
    return f"{LIST}{webhook.endpoint_id}/{name}/"


def hidden(client: Client, page: str, name: str) -> str:
    """Return the value of a hidden field of the page's form."""
    (value,) = set(re.findall(rf'name="{name}" value="([^"]*)"', client.get(page).content.decode()))
    return str(value)


def last_event() -> tuple[str, str]:
    event = Event.objects.latest("id")
    return event.type, event.actor


def test_added_webhook_shows_its_secret_once(admin: Client) -> None:
    form = {"url": URL, "label": "audit", "event_types": ["KeyRevoked"], "once": hidden(admin, f"{LIST}add/", "once")}
    done = admin.post(f"{LIST}add/", form)
    added = WebhookEndpoint.objects.get()
    assert SECRET.search(done.content.decode())
    assert "no-store" in done["Cache-Control"]
    assert (added.url, added.label, added.event_types) == (URL, "audit", ["KeyRevoked"])
    assert last_event() == ("WebhookAdded", "user:ada")
    again = admin.post(f"{LIST}add/", form, follow=True).content.decode()
    assert "This form was already submitted" in again
    assert not SECRET.search(again)
    assert WebhookEndpoint.objects.count() == 1
    assert not SECRET.search(admin.get(page_of(added)).content.decode())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://hooks.example/x", "url must begin with https://"),
        ("https://user@hooks.example/", "url must not contain a user name or password."),
        ("nonsense", "url must"),
    ],
)
def test_url_that_rest_rejects_is_rejected(admin: Client, url: str, message: str) -> None:
    form = {"url": url, "once": hidden(admin, f"{LIST}add/", "once")}
    assert message in admin.post(f"{LIST}add/", form).content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_change_goes_through_the_service(admin: Client, webhook: WebhookEndpoint) -> None:
    page = admin.get(page_of(webhook)).content.decode()
    assert f'value="{URL}"' in page
    assert re.search(r'value="KeyIssued"[^>]* checked', page)
    form = {"url": "https://hooks.example/new", "label": "", "known_epoch": webhook.revision}
    assert admin.post(page_of(webhook), form).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.url, webhook.label, webhook.event_types) == ("https://hooks.example/new", "", [])
    assert last_event() == ("WebhookUpdated", "user:ada")


@pytest.mark.parametrize("name", ["change", "rotate", "toggle", "test", "remove"])
@pytest.mark.parametrize("known", ["0", "x", None])
def test_stale_page_changes_nothing(
    admin: Client, webhook: WebhookEndpoint, service: ConfigService, name: str, known: str | None
) -> None:
    forms = {"rotate": {"grace_seconds": "0", "once": hidden(admin, page_of(webhook, "rotate"), "once")}}
    service.webhooks.update(webhook.endpoint_id, {"label": "newer"})
    before = WebhookEndpoint.objects.values().get()
    form: dict[str, Any] = {"url": URL, "enabled": "no", **forms.get(name, {})}
    sent = form if known is None else {**form, "known_epoch": known}
    response = admin.post(page_of(webhook, name), sent, follow=True)
    assert response.status_code == (200 if name in ("toggle", "test") else 409)
    assert f"{webhook.endpoint_id} was changed by command:test at " in response.content.decode()
    assert not SECRET.search(response.content.decode())
    assert WebhookEndpoint.objects.values().get() == before


def test_rotation_shows_the_new_secret_once(admin: Client, webhook: WebhookEndpoint) -> None:
    page = page_of(webhook, "rotate")
    form = {"grace_seconds": "3600", "once": hidden(admin, page, "once"), "known_epoch": webhook.revision}
    assert SECRET.search(admin.post(page, form).content.decode())
    webhook.refresh_from_db()
    assert webhook.retiring_until is not None
    again = admin.post(page, {**form, "known_epoch": webhook.revision}, follow=True)
    assert not SECRET.search(again.content.decode())
    assert "also signs until" in admin.get(page_of(webhook)).content.decode()
    second = {"grace_seconds": "60", "once": hidden(admin, page, "once"), "known_epoch": webhook.revision}
    assert "Select a valid choice" in admin.post(page, second).content.decode()
    second["grace_seconds"] = "3600"
    assert "still retiring" in admin.post(page, second).content.decode()


def test_webhook_is_tested_disabled_and_deleted(admin: Client, webhook: WebhookEndpoint) -> None:
    def send(name: str, **form: str) -> str:
        webhook.refresh_from_db()
        sent = {**form, "known_epoch": webhook.revision}
        return admin.post(page_of(webhook, name), sent, follow=True).content.decode()

    assert "A test is on its way" in send("test")
    assert "Webhook disabled." in send("toggle", enabled="no")
    assert "disabled: operator" in admin.get(page_of(webhook)).content.decode()
    assert "Webhook enabled." in send("toggle", enabled="yes")
    assert "Delete permanently" in admin.get(page_of(webhook, "remove")).content.decode()
    assert "Webhook deleted." in send("remove")
    assert not WebhookEndpoint.objects.exists()
    assert last_event() == ("WebhookRemoved", "user:ada")
    assert admin.get(page_of(webhook, "remove")).status_code == 404


@pytest.mark.parametrize("name", ["change", "rotate", "toggle", "test", "remove"])
def test_viewer_changes_nothing(client: Client, webhook: WebhookEndpoint, name: str) -> None:
    viewer = User.objects.create_user("vi", is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    form = {"url": URL, "enabled": "no", "grace_seconds": "0", "known_epoch": webhook.revision}
    assert client.post(page_of(webhook, name), form).status_code == 403
    if name in ("rotate", "remove"):
        assert client.get(page_of(webhook, name)).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(page_of(webhook)).status_code == 200
    assert "Send a test" not in client.get(page_of(webhook)).content.decode()
