"""Lists of the admin: by what they can be filtered, where their links lead, and what an action may cover."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from access.model_admin import MAX_ROWS_PER_ACTION, OperatorModelAdmin
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from events.models import WebhookEndpoint
from events.origin import Origin
from health.models import Incident
from health.waivers import Waivers

pytestmark = pytest.mark.django_db
django_admin.autodiscover()  # as the first request does
MODELS = {model.__name__: model_admin for model, model_admin in django_admin.site._registry.items()}
SHOWN_FILTERS = {"is_active", "is_superuser", "groups", "type", "severity", "state", "plan"}


def test_django_admin_checks_pass() -> None:
    assert django_admin.site.check(None) == []


def list_of(model: Any) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


@pytest.fixture
def rows(service: ConfigService, root: IssuedKey) -> None:
    """A row or more of each kind."""
    service.issue({"label": "unlimited", "rate_limit": None})
    service.webhooks.add({"url": "https://hooks.example.com/x", "label": "pager"})
    ends_at = (timezone.now() + timedelta(days=1)).isoformat()
    Waivers(Origin("system", "r")).grant({"guard_rail": "key_without_expiry", "reason": "a", "ends_at": ends_at})
    assert Incident.objects.exists()


def test_every_model_admin_has_this_base() -> None:
    assert set(MODELS) == {
        "User", "Group", "APIKey", "Plan", "Owner", "Event", "Incident", "Waiver", "WebhookEndpoint"
    }  # fmt: skip
    assert all(isinstance(model_admin, OperatorModelAdmin) for model_admin in MODELS.values())
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "APIKey"])
def test_only_filters_allow_lookups(admin: Client, rows: None, name: str) -> None:
    """The answer is the same whether the lookup is right or wrong."""
    model = MODELS[name].model
    lookups = ("", "__startswith", "__gt", "__in", "__password__startswith")
    for field in model._meta.get_fields():
        for lookup in lookups if field.name not in SHOWN_FILTERS else lookups[1:]:
            assert admin.get(list_of(model), {field.name + lookup: "0"}).status_code == 400, (field.name, lookup)


def test_key_list_allows_no_lookups(admin: Client, rows: None) -> None:
    for field in APIKey._meta.get_fields():
        page = admin.get(list_of(APIKey), {f"{field.name}__startswith": "~~~"}).content.decode()
        assert "unlimited" in page.partition('id="result_list"')[2], field.name


def test_salt_cannot_be_guessed_by_lookups(client: Client, rows: None) -> None:
    viewer = User.objects.create_user("vi", is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    salt = WebhookEndpoint.objects.get().salt
    for parameter in ("salt__startswith", "salt", "q", "o", "_facets", "e"):
        right, wrong = (
            client.get(list_of(WebhookEndpoint), {parameter: beginning}) for beginning in (salt[:4], "~~~~")
        )
        assert (right.status_code, "pager" in right.content.decode()) == (
            wrong.status_code,
            "pager" in wrong.content.decode(),
        )


@pytest.mark.parametrize("name", MODELS)
def test_every_offered_filter_and_order_works(admin: Client, rows: None, name: str) -> None:
    path = list_of(MODELS[name].model)
    offered = set(re.findall(r'href="(\?[^"]+)"', admin.get(path).content.decode()))
    assert offered or name in ("Group", "Waiver", "APIKey", "Plan", "Owner", "Event", "WebhookEndpoint")
    for query in offered:
        assert admin.get(path + unescape(query)).status_code == 200, query


def test_rows_are_linked_by_public_name(admin: Client, rows: None, root: IssuedKey) -> None:
    webhook = WebhookEndpoint.objects.get()
    for path, address in (
        ("/admin/apikeys/apikey/", root.key.key_id),
        ("/admin/events/webhookendpoint/", webhook.endpoint_id),
    ):
        assert f'href="{path}{address}/change/' in admin.get(path).content.decode()
        page = admin.get(f"{path}{address}/change/")
        assert page.status_code == 200
        assert admin.get(f"{path}1/change/").status_code != 200
        links = set(re.findall(rf'"{path}([^/"?]+)/', page.content.decode()))
        assert links <= {address, "add"}


def test_history_links_to_event_log(admin: Client, rows: None, root: IssuedKey) -> None:
    answer = admin.get(f"/admin/apikeys/apikey/{root.key.key_id}/history/")
    assert answer["Location"] == f"/admin/events/event/?q={root.key.key_id}"
    assert admin.get(f"/admin/auth/user/{User.objects.get().pk}/history/")["Location"] == "/admin/events/event/"
    assert admin.get("/admin/auth/user/999/history/").status_code == 404


def test_action_on_too_many_rows_is_rejected(admin: Client, rows: None) -> None:
    webhook = WebhookEndpoint.objects.get()
    fields = [field.name for field in WebhookEndpoint._meta.fields if field.name not in ("id", "endpoint_id")]
    values = {name: getattr(webhook, name) for name in fields}
    WebhookEndpoint.objects.bulk_create(
        WebhookEndpoint(**values, endpoint_id=f"wh_{number:012d}") for number in range(MAX_ROWS_PER_ACTION)
    )
    path = list_of(WebhookEndpoint)
    chosen = list(WebhookEndpoint.objects.values_list("pk", flat=True))
    form = {"action": "disable", "_selected_action": [webhook.pk], f"known_epoch_{webhook.pk}": webhook.revision}
    page = admin.post(f"{path}?q=pager", {**form, "select_across": "1"}, follow=True)
    assert page.redirect_chain == [(f"{path}?q=pager", 302)]
    assert f"at most {MAX_ROWS_PER_ACTION} rows at a time" in page.content.decode()
    assert "at most" in admin.post(path, {**form, "_selected_action": chosen}, follow=True).content.decode()
    assert not WebhookEndpoint.objects.filter(enabled=False).exists()
    admin.post(path, form)
    assert list(WebhookEndpoint.objects.filter(enabled=False)) == [webhook]


@pytest.mark.parametrize("chosen", ["x", "9" * 30, "-1", "\x00", "٣"])
def test_action_on_invalid_row_is_rejected(admin: Client, rows: None, chosen: str) -> None:
    form = {"action": "disable", "_selected_action": [chosen]}
    page = admin.post(list_of(WebhookEndpoint), form, follow=True)
    assert "Select rows of this list" in page.content.decode()
    assert WebhookEndpoint.objects.get().enabled
