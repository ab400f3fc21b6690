"""Times in the admin: validated as over REST, shown with their zone, and suggested only if they are valid."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from console.keys.views import key_url
from events.origin import Origin
from health.models import Incident, Waiver
from health.waivers import Waivers
from latchkey.timestamps import EXAMPLE, rfc3339, whole_second
from tests.console.keys.pages import EDIT

pytestmark = pytest.mark.django_db
WAIVER = "/admin/health/waiver/add/"
LISTS = ("/admin/events/event/", "/admin/health/incident/", "/admin/health/waiver/", "/admin/auth/user/")
INVALID = (
    "03/04/2027", "04/03/27", "2027-03-28", "2027-03-28 02:30", "2027-03-28T02:30:00", "2027-02-30T00:00:00Z",
    "2027-12-31T23:59:60Z", "Mar 28, 2027", "01:00",
)  # fmt: skip


def submit_edit(admin: Client, key: APIKey, value: str) -> Any:
    response = admin.post(key_url(key), {**EDIT, "known_epoch": str(key.epoch), "expires_at": value})
    key.refresh_from_db()
    return response


def submit_waiver(admin: Client, value: str) -> Any:
    return admin.post(WAIVER, {"guard_rail": "unlimited_key", "key_id": "", "reason": "x", "ends_at": value})


@pytest.mark.parametrize("value", INVALID)
def test_times_rejected_by_rest_are_rejected(admin: Client, root: IssuedKey, value: str) -> None:
    for response in (submit_edit(admin, root.key, value), submit_waiver(admin, value)):
        assert response.status_code == 200
        assert f"A time must be RFC 3339 with an offset, for example {EXAMPLE}" in response.content.decode()
    assert root.key.expires_at is None
    assert not Waiver.objects.exists()


def test_times_accepted_by_rest_are_accepted(admin: Client, root: IssuedKey) -> None:
    for value, utc in (
        ("2099-03-28T02:30:00Z", "2099-03-28T02:30:00Z"),
        ("2099-03-28 02:30:00.9+02:00", "2099-03-28T00:30:00Z"),
    ):
        assert submit_edit(admin, root.key, value).status_code == 302
        assert root.key.expires_at is not None
        assert root.key.expires_at.microsecond == 0
        assert rfc3339(root.key.expires_at) == utc
        assert f'value="{utc}"' in admin.get(key_url(root.key)).content.decode()
    assert submit_edit(admin, root.key, "").status_code == 302
    assert root.key.expires_at is None


def test_past_expiry_does_not_block_other_changes(admin: Client, root: IssuedKey) -> None:
    """Also if it was stored with a fraction of a second, which no page shows."""
    APIKey.objects.update(expires_at=timezone.now() - timedelta(days=1, microseconds=1))
    root.key.refresh_from_db()
    assert root.key.expires_at is not None
    renamed = {**EDIT, "label": "renamed", "expires_at": rfc3339(root.key.expires_at)}
    assert admin.post(key_url(root.key), renamed).status_code == 302
    root.key.refresh_from_db()
    assert root.key.label == "renamed"


def suggested_times(page: str) -> list[str]:
    found = re.search(r"<datalist[^>]*>(.*?)</datalist>", page)
    assert found
    return re.findall(r'<option value="([^"]*)">', unescape(found.group(1)))


def test_suggested_times_are_accepted(admin: Client, root: IssuedKey) -> None:
    for value in suggested_times(admin.get(key_url(root.key)).content.decode()):
        assert submit_edit(admin, root.key, value).status_code == 302
    page = admin.get(WAIVER).content.decode()
    for number, value in enumerate(suggested_times(page), 1):
        assert submit_waiver(admin, value).status_code == 302
        assert Waiver.objects.count() == number


def test_every_time_has_its_zone(admin: Client, service: ConfigService, root: IssuedKey) -> None:
    ends = whole_second(timezone.now() + timedelta(days=1))
    service.update(root.key.key_id, {"expires_at": ends})
    service.rotate(root.key.key_id)
    service.webhooks.add({"url": "https://hooks.example.com/x"})
    service.issue({"label": "x", "rate_limit": None})
    Waivers(Origin.of_command("test")).grant({"guard_rail": "unused_key", "reason": "x", "ends_at": ends})
    incident = f"/admin/health/incident/{Incident.objects.latest('pk').pk}/change/"
    for path in ("/admin/", *LISTS, incident, key_url(root.key), "/admin/guard-rails/"):
        page = re.sub(
            r"<table><caption>Secrets</caption>.*?\(UTC\).*?</table>",
            "",
            admin.get(path).content.decode(),
            flags=re.DOTALL,
        )
        after = re.findall(r"(?<!\d)\d\d:\d\d(?::\d\d)?(?!\d)(.{0,4})", page)
        assert after, path
        assert [text for text in after if not text.startswith((" UTC", "Z"))] == [], path
