"""Bulk changes to keys: preview, confirmation, and one outcome per key."""

import re
from datetime import UTC, datetime

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils.html import escape
from psycopg.errors import LockNotAvailable

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from events.lock_timeout import timed_out_recently
from tests.console.keys.pages import FORMS, LIST, path

pytestmark = pytest.mark.django_db


def test_key_revoked_after_bulk_preview_is_reported(admin: Client, service: ConfigService) -> None:
    revoked, other = (service.issue({"label": f"k{number}"}).key for number in range(2))
    known = {f"known_epoch_{key.key_id}": "1" for key in (revoked, other)}
    service.revoke(revoked.key_id)
    message = f"{revoked.key_id} was changed by command:test at "
    for selected in ([revoked, other], [revoked]):
        chosen = {"_selected_action": [key.key_id for key in selected], "action": "limit", "confirmed": "yes"}
        page = admin.post(LIST, {**chosen, **known, **FORMS["limit"]}, follow=True).content.decode()
        assert message in page
        assert "(KeyRevoked)" in page
        assert "Select an action and at least one key" not in page
    assert APIKey.objects.get(pk=other.pk).burst == 60, "nothing is applied until the new preview is confirmed"


BULK = LIST + "?q=root&filter=active&cursor="


def test_stale_bulk_preview_changes_nothing(admin: Client, service: ConfigService) -> None:
    keys = [service.issue({"label": f"k{number}"}).key for number in range(2)]
    chosen = {"_selected_action": [key.key_id for key in keys]}
    preview = admin.post(LIST, {**chosen, "action": "limit"}).content.decode()
    assert all(f'name="known_epoch_{key.key_id}" value="1"' in preview for key in keys)
    known = {f"known_epoch_{key.key_id}": "1" for key in keys}
    service.update(keys[0].key_id, {"rate_limit": {"burst": 1, "per_seconds": 60}})
    for action, form in (("limit", FORMS["limit"]), ("revoke", FORMS["revoke"])):
        refused = admin.post(LIST, {**chosen, **known, **form, "action": action, "confirmed": "yes"})
        text = refused.content.decode()
        assert f"{keys[0].key_id} was changed by command:test at " in text
        assert f"{keys[1].key_id} was changed" not in text
        assert 'value="2"' in text
        assert " checked" not in text
    assert [key.burst for key in APIKey.objects.order_by("pk")] == [1, 60]
    assert not APIKey.objects.exclude(revoked_at=None).exists()


def test_bulk_shows_first_and_then_acts(admin: Client, root: IssuedKey, service: ConfigService) -> None:
    others = [service.issue({"label": f"k{number}"}).key for number in range(3)]
    service.revoke(others[2].key_id)
    chosen = {"_selected_action": [key.key_id for key in others], "action": "limit"}
    preview = admin.post(LIST, chosen).content.decode()
    assert "1 per second, burst 60" in preview
    assert others[2].key_id not in preview
    others = others[:2]
    chosen["_selected_action"] = [key.key_id for key in others]
    chosen |= {f"known_epoch_{key.key_id}": [str(key.epoch)] for key in others}
    admin.post(LIST, {**chosen, "confirmed": "yes", "burst": "9", "per_seconds": "0"})
    assert APIKey.objects.filter(burst=9).count() == 0
    admin.post(LIST, {**chosen, "confirmed": "yes", "burst": "9", "per_seconds": "9"})
    assert set(APIKey.objects.filter(burst=9)) == set(others)
    chosen |= {f"known_epoch_{key.key_id}": [str(key.epoch + 1)] for key in others}
    admin.post(LIST, {**chosen, "action": "revoke", "confirmed": "yes"})
    assert APIKey.objects.filter(revoked_at=None).count() == 3, "it was not confirmed"
    admin.post(LIST, {**chosen, "action": "revoke", "confirmed": "yes", "confirm": "on"})
    assert list(APIKey.objects.filter(revoked_at=None)) == [root.key]


def test_interrupted_bulk_change_reports_progress(
    admin: Client, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [service.issue({"label": f"k{number}"}).key for number in range(3)]
    revoke, seen = ConfigService.revoke, list[str]()

    def locked(self: ConfigService, key_id: str) -> APIKey:
        if seen:
            raise OperationalError("x") from LockNotAvailable("x")
        seen.append(key_id)
        return revoke(self, key_id)

    monkeypatch.setattr(ConfigService, "revoke", locked)
    chosen = {"_selected_action": [key.key_id for key in keys], "action": "revoke", "confirmed": "yes", "confirm": "on"}
    known = {f"known_epoch_{key.key_id}": "1" for key in keys}
    page = admin.post(LIST, {**chosen, **known}, follow=True).content.decode()
    assert "1 key changed." in page
    assert "be changed right now. 2 keys are unchanged." in page
    assert timed_out_recently()
    assert list(APIKey.objects.exclude(revoked_at=None).values_list("key_id", flat=True)) == seen


def test_bulk_keeps_search_filter_and_page(admin: Client, root: IssuedKey) -> None:
    """After every outcome: nothing chosen, cancelled, rejected, done."""
    chosen = {"_selected_action": [root.key.key_id], "action": "limit"}
    form = {**chosen, "confirmed": "yes", "burst": "9", "per_seconds": "9", f"known_epoch_{root.key.key_id}": "1"}
    for refused in ({"action": "limit"}, {**chosen, "action": ""}, {**chosen, "_selected_action": ["x"] * 501}):
        assert admin.post(BULK, refused)["Location"] == BULK
    preview = admin.post(BULK, chosen).content.decode()
    assert f'<a href="{escape(BULK)}">' in preview
    assert '<form method="post">' in preview, "the form goes to the address that it came from"
    assert admin.post(BULK, {**form, "burst": "0"}).status_code == 200
    assert admin.post(BULK, form)["Location"] == BULK
    assert APIKey.objects.get().rate_limit == {"burst": 9, "per_seconds": 9}


def test_too_many_keys_are_rejected(admin: Client, root: IssuedKey) -> None:
    chosen = {"_selected_action": [root.key.key_id] * 501, "action": "revoke", "confirmed": "yes", "confirm": "on"}
    assert "At most 500 keys at a time" in admin.post(LIST, chosen, follow=True).content.decode()
    assert APIKey.objects.get().revoked_at is None


def test_no_action_is_preselected(admin: Client, root: IssuedKey) -> None:
    for page in (LIST, "/admin/health/waiver/", "/admin/events/webhookendpoint/", "/admin/auth/user/"):
        chosen = re.search(r'name="action".*?</select>', admin.get(page).content.decode(), re.DOTALL)
        if chosen is not None:
            assert re.findall(r'<option value="([^"]*)"', chosen[0])[0] == "", page
            assert re.findall(r'<option value="([^"]+)" selected', chosen[0]) == [], page
    for page in ("revoke", "finish"):
        assert " checked" not in admin.get(path(root.key, page)).content.decode()


@pytest.mark.parametrize(
    ("action", "form", "expected"),
    [
        ("owner", {"owner": "search team"}, {"owner": "search team"}),
        ("owner", {"no_owner": "on"}, {"owner": ""}),
        ("expiry", {"expires_at": "2099-01-01T00:00:00Z"}, {"expires_at": datetime(2099, 1, 1, tzinfo=UTC)}),
        ("expiry", {"never": "on"}, {"expires_at": None}),
        ("disable", {}, {"enabled": False}),
        ("enable", {}, {"enabled": True}),
    ],
)
def test_each_action_changes_the_selected_keys(
    admin: Client, service: ConfigService, action: str, form: dict[str, str], expected: dict[str, object]
) -> None:
    given = {"owner": "payments", "expires_at": "2098-01-01T00:00:00Z"}
    chosen, other = (service.issue({"label": label, **given}).key for label in ("one", "two"))
    if action == "enable":
        for key in (chosen, other):
            service.update(key.key_id, {"enabled": False})
    epoch = APIKey.objects.get(pk=chosen.pk).epoch
    before = APIKey.objects.filter(pk=other.pk).values(*expected).get()
    request = {"_selected_action": [chosen.key_id], "action": action, f"known_epoch_{chosen.key_id}": epoch}
    assert chosen.key_id in admin.post(LIST, request).content.decode()
    done = admin.post(LIST, {**request, "confirmed": "yes", **form}, follow=True)
    assert "1 key changed." in done.content.decode()
    assert APIKey.objects.filter(pk=chosen.pk).values(*expected).get() == expected
    assert APIKey.objects.filter(pk=other.pk).values(*expected).get() == before
    again = admin.post(
        LIST, {**request, f"known_epoch_{chosen.key_id}": epoch + 1, "confirmed": "yes", **form}, follow=True
    )
    assert "1 key already had this value." in again.content.decode()
    assert "changed." not in again.content.decode().partition("messagelist")[2].partition("</ul>")[0]


@pytest.mark.parametrize("form", [{}, {"owner": "x", "no_owner": "on"}, {"owner": "  "}])
def test_owner_is_named_or_removed(admin: Client, root: IssuedKey, form: dict[str, str]) -> None:
    request = {"_selected_action": [root.key.key_id], "action": "owner", f"known_epoch_{root.key.key_id}": "1"}
    assert admin.post(LIST, {**request, "confirmed": "yes", **form}).status_code == 200
    assert APIKey.objects.get().epoch == 1


@pytest.mark.parametrize("form", [{}, {"expires_at": "2099-01-01T00:00:00Z", "never": "on"}, {"expires_at": "soon"}])
def test_expiry_is_a_time_or_never(admin: Client, root: IssuedKey, form: dict[str, str]) -> None:
    request = {"_selected_action": [root.key.key_id], "action": "expiry", f"known_epoch_{root.key.key_id}": "1"}
    assert admin.post(LIST, {**request, "confirmed": "yes", **form}).status_code == 200
    assert APIKey.objects.get().epoch == 1


def test_secret_as_owner_is_rejected(admin: Client, root: IssuedKey) -> None:
    request = {"_selected_action": [root.key.key_id], "action": "owner", f"known_epoch_{root.key.key_id}": "1"}
    done = admin.post(LIST, {**request, "confirmed": "yes", "owner": root.credential.reveal()})
    assert root.credential.secret not in done.content.decode()
    assert APIKey.objects.get().owner == ""
