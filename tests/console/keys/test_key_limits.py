"""Plans of keys in the admin: the key's page, the forms, the list and its bulk change."""

import csv
import re
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Override
from events.models import Event
from tests.console.keys.pages import EDIT, LIST, issue, path
from tests.console.limits.forms import PER_SECOND, create_owner, create_plan

pytestmark = pytest.mark.django_db
DAILY = {"name": "daily", "quota": {"quota": 50, "per": "day"}}


@pytest.fixture
def key(service: ConfigService) -> APIKey:
    """A key with a plan of its own, and another one by its owner."""
    create_plan()
    create_plan("small", DAILY)
    create_owner()
    return service.issue(
        {"label": "robot", "owner": "ACME", "plan": "small", "rate_limit": {"burst": 5, "per_seconds": 5}}
    ).key


def test_page_shows_all_limits(admin: Client, key: APIKey) -> None:
    page = admin.get(path(key)).content.decode()
    assert re.findall(r'aria-label="Used of ([a-z_]+)"', page) == ["key", "daily", "monthly"]
    assert 'href="/admin/apikeys/plan/small/change/"' in page
    assert 'href="/admin/apikeys/owner/acme/change/"' in page
    assert re.findall(r'href="\.\./adjust/([a-z]+)/"', page) == ["daily"], "the shared one is the owner's"


def test_page_names_the_plan_of_the_owner(admin: Client, service: ConfigService) -> None:
    create_plan()
    create_owner()
    key = service.issue({"label": "robot", "owner": "ACME", "rate_limit": None}).key
    page = admin.get(path(key)).content.decode()
    assert re.findall(r'aria-label="Used of ([a-z_]+)"', page) == ["per_second", "monthly"]
    assert re.search(r"<dt>Plan</dt><dd>.*?of its owner</dd>", page)


def test_plan_is_chosen_in_forms(admin: Client, key: APIKey) -> None:
    form = {**EDIT, "label": "robot", "owner": "ACME", "scopes": "[]"}
    page = admin.get(path(key)).content.decode()
    (options,) = re.findall(r'<select name="plan".*?</select>', page, re.DOTALL)
    assert re.findall(r'value="([a-z]*)"( selected)?', options) == [("", ""), ("small", " selected")], (
        "team is for owners"
    )
    assert admin.post(path(key), {**form, "plan": "small"}).status_code == 302
    assert APIKey.objects.get(pk=key.pk).epoch == 1, "nothing was changed"
    admin.post(path(key), {**form, "plan": ""})
    assert APIKey.objects.get(pk=key.pk).plan_name is None
    assert issue(admin, plan="small").status_code == 200
    assert APIKey.objects.latest("pk").plan_name == "small"


def test_plan_that_clashes_is_rejected_next_to_the_field(admin: Client, key: APIKey) -> None:
    create_plan("clash", {"name": "monthly", "quota": {"quota": 1, "per": "day"}})
    form = {**EDIT, "label": "robot", "owner": "ACME", "scopes": "[]", "plan": "clash"}
    errors = admin.post(path(key), form).context["form"].errors
    assert errors == {"plan": ["The plan of the key's owner has limits of the same name: monthly."]}


def test_limit_is_overridden_and_adjusted(admin: Client, key: APIKey) -> None:
    here = f"{LIST}{key.key_id}/"
    override = {"limit": "daily", "amount": "70", "until": "2099-01-01T00:00:00Z"}
    assert admin.post(f"{here}override/", {**override, "limit": "monthly"}).context["form"].errors["limit"]
    assert admin.post(f"{here}override/", override)["Location"] == path(key)
    admin.post(f"{here}adjust/daily/", {"how": "add", "amount": "20", "reason": "x", "confirmed": "yes"})
    assert "20 used, 50 left" in admin.get(path(key)).content.decode()
    admin.post(f"{here}override/{Override.objects.get().pk}/end/")
    assert "20 used, 30 left" in admin.get(path(key)).content.decode()
    assert Event.objects.get(type="LimitAdjusted").key_id == key.key_id
    assert admin.get(f"{here}adjust/monthly/").status_code == 404


def test_list_is_filtered_by_plan(admin: Client, key: APIKey, service: ConfigService) -> None:
    service.issue({"label": "other"})
    page = admin.get(LIST, {"plan": "small"})
    assert [row.key.pk for row in page.context["rows"]] == [key.pk]
    text = page.content.decode()
    assert "<option selected>small</option>" in text
    assert re.search(r'With a plan of their own: <a [^>]+>small</a>\. <a href="\?">All plans</a>', text)
    assert "plan=small" in str(page.context["query"])
    exported = b"".join(admin.get(f"{LIST}export.csv", {"plan": "small"})).decode()
    assert [row["plan"] for row in csv.DictReader(StringIO(exported))] == ["small"]


def test_plan_is_changed_in_bulk(admin: Client, key: APIKey, service: ConfigService) -> None:
    create_plan("other", PER_SECOND)
    second = service.issue({"label": "second"}).key
    chosen: dict[str, Any] = {"_selected_action": [key.key_id, second.key_id], "action": "plan"}
    preview = admin.post(LIST, chosen).content.decode()
    assert "now: small" in preview
    assert "now: no plan of its own" in preview
    known = {f"known_epoch_{one.key_id}": "1" for one in (key, second)}
    admin.post(LIST, {**chosen, **known, "confirmed": "yes", "plan": "other"})
    assert {one.plan_name for one in APIKey.objects.all()} == {"other"}


def test_plan_of_all_that_match_is_changed(admin: Client, key: APIKey, service: ConfigService) -> None:
    service.issue({"label": "second"})
    form = {"action": "plan", "all": "yes"}
    preview = admin.post(f"{LIST}?plan=small", form)
    assert "All 1 keys" in preview.content.decode()
    fields = {field.html_name: field.value() for field in preview.context["progress"].fields()}
    admin.post(f"{LIST}?plan=small", {**form, **fields, "confirmed": "yes", "plan": ""})
    assert not APIKey.objects.filter(plan__isnull=False).exists()
