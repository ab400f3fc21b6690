"""The search box in the header: what someone has at hand leads to the page about it."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from apikeys.config_service import ConfigService, IssuedKey
from events.models import Event
from tests.console.limits.forms import create_owner, create_plan

pytestmark = pytest.mark.django_db
UNKNOWN = "lk_000000000000"


def found(client: Client, text: str) -> str:
    """Return where the search box leads."""
    response = client.post("/admin/find/", {"q": text})
    assert response.status_code == 302
    return str(response["Location"])


@pytest.mark.parametrize("form", ["{id}", " {id}\n", "key {id} leaked", "{credential}", "https://x.example/?k={id}"])
def test_text_with_key_id_leads_to_key(admin: Client, root: IssuedKey, form: str) -> None:
    text = form.format(id=root.key.key_id, credential=root.credential.reveal())
    assert found(admin, text) == reverse("admin:apikeys_apikey_change", args=[root.key.key_id])


def test_webhook_event_and_request_lead_to_their_pages(admin: Client, service: ConfigService) -> None:
    webhook = service.webhooks.add({"url": "https://hooks.example.com/x", "label": "pager"}).endpoint
    event = Event.objects.latest("id")
    assert found(admin, webhook.endpoint_id).endswith(f"/{webhook.endpoint_id}/change/")
    assert found(admin, f"evt_{event.pk}").endswith(f"/event/{event.pk}/change/")
    assert found(admin, f"event {event.pk}").endswith(f"/event/{event.pk}/change/")
    assert found(admin, str(event.pk)) == f"/admin/apikeys/apikey/?q={event.pk}", "it may be an owner"
    assert found(admin, event.request_id).endswith(f"/event/?q={event.request_id}")


@pytest.mark.parametrize("text", ["billing", UNKNOWN, "9" * 18, "wh_000000000000", "", "\x00", "💥"])
def test_other_text_leads_to_matching_keys(admin: Client, text: str) -> None:
    assert found(admin, text).startswith("/admin/apikeys/apikey/?q=")
    assert admin.get(found(admin, text)).status_code == 200


def test_secret_of_unknown_key_is_not_in_the_address(admin: Client, root: IssuedKey) -> None:
    secret = root.credential.secret
    assert secret not in found(admin, f"{UNKNOWN}:{secret}")
    assert secret not in found(admin, secret)


def test_find_respects_permissions(client: Client, root: IssuedKey) -> None:
    user = User.objects.create_user("vi", is_staff=True)
    client.force_login(user)
    assert found(client, root.key.key_id) == "/admin/"
    user.groups.add(Group.objects.get(name="viewer"))
    assert found(client, root.key.key_id) == reverse("admin:apikeys_apikey_change", args=[root.key.key_id])
    client.logout()
    assert "/login/" in found(client, root.key.key_id)


def test_find_takes_only_posts(admin: Client) -> None:
    assert admin.get("/admin/find/", {"q": "x"}).status_code == 405


def test_owner_and_plan_lead_to_their_pages(admin: Client) -> None:
    create_plan()
    create_owner("ACME", display_name="Acme Inc.")
    for text in ("ACME", " acme ", "acme inc."):
        assert found(admin, text) == "/admin/apikeys/owner/acme/change/"
    assert found(admin, "team") == "/admin/apikeys/plan/team/change/"
    create_owner("Other", display_name="Acme Inc.")
    assert found(admin, "Acme Inc.") == "/admin/apikeys/owner/?q=Acme+Inc."
    assert found(admin, "tea").startswith("/admin/apikeys/apikey/?q=")


def test_find_leads_nobody_to_owners_without_permission(client: Client) -> None:
    create_plan()
    create_owner()
    user = User.objects.create_user("vi", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(user)
    for text in ("ACME", "team"):
        assert found(client, text).startswith("/admin/apikeys/apikey/?q=")
