"""What all pages of keys have in common: permissions, unknown keys and escaped text."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apikeys.config_service import ConfigService, IssuedKey
from events.models import Event
from tests.console.keys.pages import EDIT, ISSUE, LIST, PAGES, path

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("permission", ["view_apikey", None])
def test_without_the_permission_nothing_is_done(client: Client, root: IssuedKey, permission: str | None) -> None:
    user = User.objects.create_user("vi", is_staff=True)
    if permission:
        user.user_permissions.add(Permission.objects.get(codename=permission))
    client.force_login(user)
    seen = 200 if permission else 403
    assert [client.get(LIST).status_code, client.get(path(root.key)).status_code] == [seen, seen]
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}add/", ISSUE).status_code == 403
    for page in ("rotate", "finish", "drain", "limit", "enable", "revoke"):
        assert client.get(path(root.key, page)).status_code == 403
        assert client.post(path(root.key, page), {"confirm": "on", "enabled": "no", "burst": "1"}).status_code == 403
    client.post(path(root.key), {**EDIT, "label": "new"})
    chosen = {"action": "revoke", "_selected_action": [root.key.key_id], "confirmed": "yes", "confirm": "on"}
    assert client.post(LIST, chosen).status_code == 403
    assert client.post(path(root.key, "delete"), {"post": "yes"}).status_code == 403
    assert Event.objects.count() == 1


def test_pages_of_unknown_keys_are_404(admin: Client) -> None:
    chosen = {"_selected_action": ["9" * 30, "x", "٣", "-1"], "action": "revoke"}
    assert admin.post(LIST, chosen).status_code == 302
    assert admin.get(f"{LIST}{'9' * 30}/change/").status_code == 404
    for page in PAGES:
        assert admin.get(f"{LIST}999999/{page}/").status_code == 404
    assert admin.get(f"{LIST}x/change/").status_code == 404


def test_what_is_written_into_a_key_is_text_on_every_page(admin: Client, service: ConfigService) -> None:
    mark = "<img src=x>'\""
    key = service.issue({"label": f"label{mark}", "owner": f"owner{mark}", "metadata": {"m": mark}}).key
    event = Event.objects.get(type="KeyIssued")
    pages = ("/admin/", LIST, *(path(key, name) for name in PAGES), f"/admin/events/event/{event.pk}/change/")
    shown = "".join(admin.get(page, follow=True).content.decode() for page in pages)
    assert "<img src=x>" not in shown
    assert "label&lt;img src=x&gt;" in shown
    assert "owner&lt;img src=x&gt;" in shown
