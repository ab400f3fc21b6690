"""Bulk changes to all keys that a list matches: counted first, then applied step by step."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from psycopg.errors import LockNotAvailable

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from console.keys import bulk_all
from events.models import Event
from tests.console.keys.pages import LIST

pytestmark = pytest.mark.django_db
PAYMENTS = LIST + "?owner=payments"


@pytest.fixture
def keys(service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> list[APIKey]:
    monkeypatch.setattr(bulk_all, "STEP", 3)
    for number in range(4):
        service.issue({"label": f"other {number}", "owner": "billing"})
    return [service.issue({"label": f"key {number}", "owner": "payments"}).key for number in range(7)]


def hidden(page: str) -> dict[str, str]:
    form = page[page.index('<form method="post"') :]
    tags = [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<input[^>]*>", form)]
    return {tag["name"]: unescape(tag.get("value", "")) for tag in tags if tag.get("type") == "hidden"}


def run(admin: Client, url: str, action: str, values: dict[str, str]) -> tuple[list[str], str]:
    """Confirm the action and follow its steps; return what each step reported, and the page at the end."""
    sent = hidden(admin.post(url, {"action": action, "all": "yes"}).content.decode())
    response: Any = admin.post(url, {**sent, **values}, follow=True)
    reports = []
    while "data-continue" in response.content.decode():
        page = response.content.decode()
        reports.append(re.findall(r'role="status">([^<]+)<', page)[0])
        response = admin.post(url, hidden(page), follow=True)
    return reports, response.content.decode()


def test_preview_counts_and_changes_nothing(admin: Client, keys: list[APIKey]) -> None:
    preview = admin.post(PAYMENTS, {"action": "disable", "all": "yes"}).content.decode()
    assert "All 7 keys that match the list, on every page of it, will be disabled" in preview
    assert not APIKey.objects.filter(enabled=False).exists()


def test_only_matching_keys_are_changed(admin: Client, keys: list[APIKey]) -> None:
    reports, page = run(admin, PAYMENTS + "&filter=active", "disable", {})
    assert reports == ["3 of 7 keys done.", "6 of 7 keys done."]
    assert "7 keys changed." in page
    assert set(APIKey.objects.filter(enabled=False)) == set(keys)
    assert Event.objects.filter(type="KeyDisabled").count() == 7


@pytest.mark.parametrize(
    ("action", "values", "field", "expected"),
    [
        ("owner", {"owner": "ledger"}, "owner", "ledger"),
        ("limit", {"burst": "9", "per_seconds": "3"}, "rate_limit", {"burst": 9, "per_seconds": 3}),
        ("limit", {"unlimited": "on"}, "rate_limit", None),
        ("expiry", {"never": "on"}, "expires_at", None),
    ],
)
def test_values_are_kept_over_all_steps(
    admin: Client, keys: list[APIKey], action: str, values: dict[str, str], field: str, expected: object
) -> None:
    run(admin, LIST + "?q=key", action, values)
    assert all(getattr(key, field) == expected for key in APIKey.objects.filter(label__startswith="key"))
    assert APIKey.objects.filter(owner="billing", burst=60).count() == 4


def test_step_that_is_sent_again_changes_no_other_keys(admin: Client, keys: list[APIKey]) -> None:
    step = {**hidden(admin.post(PAYMENTS, {"action": "revoke", "all": "yes"}).content.decode()), "confirm": "on"}
    for _ in range(2):
        next_step = hidden(admin.post(PAYMENTS, step).content.decode())
        assert set(APIKey.objects.exclude(revoked_at=None)) == set(keys[-3:])
    for _ in range(2):
        last_step = hidden(admin.post(PAYMENTS, next_step).content.decode())
        assert set(APIKey.objects.exclude(revoked_at=None)) == set(keys[-6:])
    for _ in range(2):
        admin.post(PAYMENTS, last_step)
    assert set(APIKey.objects.exclude(revoked_at=None)) == set(keys)


def test_key_that_matches_since_the_preview_is_changed_too(
    admin: Client, keys: list[APIKey], service: ConfigService
) -> None:
    url = LIST + "?filter=active"
    for key in keys[-2:]:
        service.update(key.key_id, {"enabled": False})
    step = hidden(admin.post(url, {"action": "disable", "all": "yes"}).content.decode())
    step["below"] = str(keys[-1].pk + 1)
    service.update(keys[-2].key_id, {"enabled": True})
    page = admin.post(url, step).content.decode()
    while "data-continue" in page:
        page = admin.post(url, hidden(page), follow=True).content.decode()
    assert not APIKey.objects.filter(enabled=True).exists()


def test_revocation_has_to_be_confirmed(admin: Client, keys: list[APIKey]) -> None:
    sent = hidden(admin.post(PAYMENTS, {"action": "revoke", "all": "yes"}).content.decode())
    assert "This field is required" in admin.post(PAYMENTS, sent).content.decode()
    assert not APIKey.objects.exclude(revoked_at=None).exists()
    run(admin, PAYMENTS, "revoke", {"confirm": "on"})
    assert set(APIKey.objects.exclude(revoked_at=None)) == set(keys)


def test_keys_issued_after_the_preview_stay(admin: Client, service: ConfigService, keys: list[APIKey]) -> None:
    sent = hidden(admin.post(PAYMENTS, {"action": "disable", "all": "yes"}).content.decode())
    late = service.issue({"label": "late", "owner": "payments"}).key
    admin.post(PAYMENTS, sent)
    assert APIKey.objects.get(pk=late.pk).enabled
    assert APIKey.objects.filter(enabled=False).count() == 3


def test_a_step_sent_twice_changes_nothing_more(admin: Client, keys: list[APIKey]) -> None:
    sent = hidden(admin.post(PAYMENTS, {"action": "disable", "all": "yes"}).content.decode())
    for _ in range(2):
        admin.post(PAYMENTS, sent)
    assert Event.objects.filter(type="KeyDisabled").count() == 3


def test_rejections_are_counted_and_explained(
    admin: Client, service: ConfigService, keys: list[APIKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    system = service.issue({"label": "key of the server", "owner": "payments"}, system=True).key
    _, page = run(admin, PAYMENTS, "owner", {"owner": "ledger"})
    assert "7 keys changed." in page
    assert f"Key {system.key_id}: The server issued this key to itself." in page


def test_busy_database_stops_the_change(admin: Client, keys: list[APIKey], monkeypatch: pytest.MonkeyPatch) -> None:
    update, seen = ConfigService.update, list[str]()

    def locked(self: ConfigService, key_id: str, values: object) -> APIKey:
        if len(seen) == 4:
            raise OperationalError("x") from LockNotAvailable("x")
        seen.append(key_id)
        return update(self, key_id, values)

    monkeypatch.setattr(ConfigService, "update", locked)
    _, page = run(admin, PAYMENTS, "disable", {})
    assert "4 keys changed." in page
    assert "3 keys are unchanged." in page


@pytest.mark.parametrize("field", ["below", "total", "changed", "reasons"])
def test_forged_progress_asks_again(admin: Client, keys: list[APIKey], field: str) -> None:
    sent = hidden(admin.post(PAYMENTS, {"action": "disable", "all": "yes"}).content.decode())
    response = admin.post(PAYMENTS, {**sent, field: "<b>" if field == "reasons" else "-1"})
    assert "<b>" not in response.content.decode().split("data-continue")[-1]
    if field != "reasons":
        assert "All 7 keys" in response.content.decode()
        assert not APIKey.objects.filter(enabled=False).exists()


def test_nothing_to_change(admin: Client, keys: list[APIKey]) -> None:
    for action, text in (("", "Select an action."), ("disable", "No key matches")):
        page = admin.post(LIST + "?q=nothing", {"action": action, "all": "yes"}, follow=True).content.decode()
        assert text in page


@pytest.mark.parametrize("query", ["?filter=disbled", "?owner=payments&filter=active&filter=x", "?q=" + "key " * 60])
def test_address_that_is_not_understood_changes_nothing(admin: Client, keys: list[APIKey], query: str) -> None:
    page = admin.post(LIST + query, {"action": "disable", "all": "yes"}, follow=True).content.decode()
    assert "has a filter that doesn&#x27;t exist" in page
    assert "data-continue" not in page
