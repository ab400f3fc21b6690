"""Pages that change one key: every change goes through the service, and a stale page changes nothing."""

import re
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest
from django.contrib.auth.models import User
from django.test import Client

from access.abilities import permissions_for
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, KeySecret
from console.keys.changes import LimitView
from events.models import Event
from tests.console.keys.pages import EDIT, FORMS, path, secrets_in, send, token
from tests.console.limits.forms import create_owner, create_plan

pytestmark = pytest.mark.django_db


def test_limit_state_and_end_are_changed_by_the_user(admin: Client, root: IssuedKey) -> None:
    send(admin, root.key, "limit", burst="7", per_seconds="7")
    send(admin, root.key, "enable", enabled="no")
    send(admin, root.key, "enable", enabled="no")
    send(admin, root.key, "enable", enabled="yes")
    assert send(admin, root.key, "revoke").status_code == 200
    assert APIKey.objects.get().revoked_at is None
    send(admin, root.key, "revoke", confirm="on")
    events = [(event.type, event.actor) for event in Event.objects.order_by("id")][1:]
    assert events == [(name, "user:ada") for name in ("RateLimitChanged", "KeyDisabled", "KeyEnabled", "KeyRevoked")]
    for page in ("rotate", "limit", "enable", "revoke"):
        assert admin.get(path(root.key, page)).status_code == 302, "nothing is done to a revoked key"


def undo_link(response: Any) -> str:
    """Return the address that the message links to, on the key's page."""
    (link,) = re.findall(r'<a href="([^"]+)">Undo</a>', response.content.decode())
    return unescape(link)


@pytest.mark.parametrize("before", [{"burst": 5, "per_seconds": 60}, None], ids=["limited", "unlimited"])
def test_new_limit_can_be_undone(admin: Client, service: ConfigService, before: dict[str, int] | None) -> None:
    key = service.issue({"label": "x", "rate_limit": before}).key
    form = {"burst": "7", "per_seconds": "7", "known_epoch": str(key.epoch)}
    done = admin.post(path(key, "limit"), form, follow=True)
    page = admin.get(urljoin(path(key), undo_link(done)))
    shown = {field.name: field.value() for field in page.context["form"] if field.value()}
    admin.post(path(key, "limit"), {**shown, "known_epoch": str(key.epoch + 1)})
    assert APIKey.objects.get(pk=key.pk).rate_limit == before


def test_disabled_key_can_be_enabled_from_the_message(admin: Client, root: IssuedKey) -> None:
    form = {"enabled": "no", "known_epoch": str(root.key.epoch)}
    done = admin.post(path(root.key, "enable"), form, follow=True)
    page = admin.get(urljoin(path(root.key), undo_link(done))).content.decode()
    assert 'value="yes"' in page


def test_revoke_page_names_the_key_and_the_softer_way(admin: Client, service: ConfigService) -> None:
    key = service.issue({"label": "night export", "owner": "payments"}).key
    page = admin.get(path(key, "revoke")).content.decode()
    for text in ("night export", key.key_id, "payments", "Disable instead", "Requests, last 24 hours"):
        assert text in page


def test_edit_goes_through_the_service(admin: Client, root: IssuedKey) -> None:
    assert admin.post(path(root.key), {**EDIT, "label": "new"}).status_code == 302
    assert (APIKey.objects.get().label, Event.objects.last().type) == ("new", "KeyUpdated")  # type: ignore[union-attr]
    stale = admin.post(path(root.key), {**EDIT, "label": "newer"})
    text = stale.content.decode()
    assert f"{root.key.key_id} was changed by user:ada at " in text
    assert "<dt>Label</dt><dd><code>newer</code></dd>" in text, "the submitted text is still there"
    assert 'value="new"' in text, "the form is that of the key as it is now"
    assert 'name="known_epoch" value="2"' in text
    wrong = admin.post(path(root.key), {**EDIT, "known_epoch": "2", "scopes": '["NO"]', "metadata": '{"a": 1, "a": 2}'})
    assert set(wrong.context["form"].errors) == {"scopes", "metadata"}
    assert APIKey.objects.get().label == "new"


@pytest.mark.parametrize("page", FORMS)
@pytest.mark.parametrize("sent", [{"known_epoch": "2"}, {"known_epoch": "x"}, {}])
def test_stale_page_changes_nothing(
    admin: Client, root: IssuedKey, service: ConfigService, page: str, sent: dict[str, str]
) -> None:
    service.rotate(root.key.key_id, {"grace_seconds": 3600})
    form = {**FORMS[page], "once": token(admin, path(root.key, "rotate"))}
    assert 'name="known_epoch" value="2"' in admin.get(path(root.key, page)).content.decode()
    service.finish_rotation(root.key.key_id)
    service.rotate(root.key.key_id, {"grace_seconds": 3600})
    before, secrets = APIKey.objects.get(), list(KeySecret.objects.values_list("pk", "state"))
    refused = admin.post(path(root.key, page), {**form, **sent})
    text = refused.content.decode()
    assert refused.status_code == 409
    assert f"{root.key.key_id} was changed by command:test at " in text
    assert secrets_in(refused) == []
    assert (APIKey.objects.get().epoch, list(KeySecret.objects.values_list("pk", "state"))) == (before.epoch, secrets)
    assert 'name="known_epoch" value="4"' in text, "it can be sent again, once it was looked at"
    assert ('value="7"' in text) is (page == "limit"), "the submitted limit is preserved"
    assert " checked" not in text, "the confirmation is not"


def test_change_before_the_lock_is_detected(
    admin: Client, root: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = LimitView.apply

    def changed_first(view: LimitView, writer: ConfigService, values: dict[str, Any]) -> Any:
        service.update(root.key.key_id, {"rate_limit": {"burst": 1, "per_seconds": 60}})
        return apply(view, writer, values)

    monkeypatch.setattr(LimitView, "apply", changed_first)
    refused = send(admin, root.key, "limit", burst="7", per_seconds="7")
    assert refused.status_code == 409
    assert APIKey.objects.get().burst == 1
    assert "Current limit: 1 per" in refused.content.decode()


@pytest.mark.parametrize("permissions", [{"apikeys.change_apikey"}, {"apikeys.change_apikey", "apikeys.change_owner"}])
def test_key_moves_between_owners_if_both_may_be_changed(
    client: Client, service: ConfigService, permissions: set[str]
) -> None:
    create_plan()
    create_owner()
    person = User.objects.create_user("grace", is_staff=True)
    person.user_permissions.set(permissions_for({"apikeys.view_apikey", *permissions}))
    client.force_login(person)
    key = service.issue({"label": "x", "owner": "ACME"}).key
    values = {**EDIT, "label": "x", "scopes": "[]", "expires_at": "", "owner": "other"}
    page = client.post(path(key), {**values, "known_epoch": str(key.epoch)})
    moves = "apikeys.change_owner" in permissions
    assert page.status_code == (302 if moves else 200)
    assert APIKey.objects.get(pk=key.pk).owner == ("other" if moves else "ACME")
    if not moves:
        assert "you also need to be allowed to change owners" in page.content.decode()
