"""Who uses a key, on its page."""

import re
import time

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from apikeys.callers.rows import write_callers
from apikeys.callers.sightings import Sighting
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import CallerKind, KeyCaller
from tests.console.keys.pages import path

pytestmark = pytest.mark.django_db


def section(client: Client, key: IssuedKey) -> str:
    page = client.get(path(key.key, "change")).content.decode()
    (found,) = re.findall(r'<h2 id="callers">.*?</section>', page, re.DOTALL)
    return str(found)


def test_key_shows_its_callers(admin: Client, root: IssuedKey) -> None:
    at = 1_700_000_000.0
    seen = {
        (CallerKind.ADDRESS, "192.0.2.1"): Sighting(7500, at, at),
        (CallerKind.ADDRESS, "192.0.2.2"): Sighting(2500, at, at),
        (CallerKind.SERVICE, f"/v1/verify by {root.key.key_id}"): Sighting(1, at, at),
    }
    write_callers({root.key.key_id: seen})
    text = section(admin, root)
    assert re.findall(r"<td>(192[^<]+)</td>", text) == ["192.0.2.1", "192.0.2.2"]
    assert re.findall(r"(\d+ %)</span>", text) == ["75 %", "25 %", "100 %"]
    assert "7,500" in text
    assert re.search(r"2023-11-14 22:13 UTC, <time[^>]*>\d+ days ago</time>", text)
    assert f">{root.key.key_id}</a>" in text
    assert "style=" not in text


def test_values_are_escaped(admin: Client, root: IssuedKey) -> None:
    write_callers({root.key.key_id: {(CallerKind.SERVICE, "<script>"): Sighting(1, 1.0, 1.0)}})
    assert "<script>" not in section(admin, root)


def test_key_without_callers_says_so(admin: Client, root: IssuedKey, settings: Settings) -> None:
    assert "Not used since callers are recorded." in section(admin, root)
    settings.RECORD_CALLERS = False
    assert "Callers are not recorded" in section(admin, root)


def test_viewer_sees_callers(client: Client, root: IssuedKey) -> None:
    user = User.objects.create_user("vi", is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    client.force_login(user)
    write_callers({root.key.key_id: {(CallerKind.ADDRESS, "192.0.2.1"): Sighting(1, 1.0, 1.0)}})
    assert "192.0.2.1" in section(client, root)
    assert KeyCaller.objects.count() == 1


@pytest.mark.parametrize("page", ["enable", "revoke", "finish"])
def test_confirmation_names_who_would_be_cut_off(
    admin: Client, root: IssuedKey, service: ConfigService, page: str
) -> None:
    now = time.time()
    callers = {
        (CallerKind.ADDRESS, "192.0.2.1"): Sighting(75, now - 60, now - 60),
        (CallerKind.ADDRESS, "192.0.2.2"): Sighting(99, now - 90_000, now - 90_000),
    }
    write_callers({root.key.key_id: callers})
    service.rotate(root.key.key_id)
    text = admin.get(path(root.key, page)).content.decode()
    assert '<dt>Used in that time from</dt><dd><ul class="chips"><li>192.0.2.1</li></ul></dd>' in text
    assert "192.0.2.2" not in text
