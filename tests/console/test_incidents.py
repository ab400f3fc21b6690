"""Events, incidents and waivers in the admin."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils.html import escape

from apikeys.config_service import ConfigService
from events.models import Event
from health.guard_rails import BY_NAME, GUARD_RAILS
from health.incidents import degraded, open_incidents
from health.models import Waiver
from latchkey.timestamps import rfc3339

pytestmark = pytest.mark.django_db


@pytest.fixture
def unlimited(service: ConfigService) -> str:
    return service.issue({"label": "x", "rate_limit": None}).key.key_id


def form(**values: str) -> dict[str, str]:
    ends_at = rfc3339(datetime.now(UTC) + timedelta(days=2))
    return {"guard_rail": "unlimited_key", "key_id": "", "reason": "load test", "ends_at": ends_at, **values}


def test_incident_shows_its_event_and_remedy(admin: Client, unlimited: str) -> None:
    incident = next(incident for incident in open_incidents() if incident.guard_rail == "unlimited_key")
    event = Event.objects.get(type="HealthChanged")
    listed = admin.get("/admin/health/incident/").content.decode()
    assert f'<a href="/admin/apikeys/apikey/{unlimited}/change/">{unlimited}</a>' in listed
    assert "unlimited_key" not in admin.get("/admin/health/incident/?state=closed").content.decode()
    assert "unlimited_key" in admin.get("/admin/health/incident/?state=open").content.decode()
    shown = admin.get(f"/admin/health/incident/{incident.pk}/change/").content.decode()
    assert unlimited in shown
    assert 'href="/guard-rails/unlimited_key"' in shown
    assert f'<a href="/admin/events/event/{event.id}/change/">event {event.id}</a>' in shown
    waive = f"/admin/health/waiver/add/?guard_rail=unlimited_key&key_id={unlimited}"
    for link in (f"/admin/apikeys/apikey/{unlimited}/limit/", waive):
        assert f'href="{escape(link)}"' in shown
        assert admin.get(link).status_code == 200
    assert admin.get(waive).context["form"].initial == {"guard_rail": "unlimited_key", "key_id": unlimited}
    assert admin.get("/admin/health/incident/add/").status_code == 403


def test_several_keys_are_fixed_in_the_list(admin: Client, unlimited: str, service: ConfigService) -> None:
    service.issue({"label": "y", "rate_limit": None})
    page = admin.get("/admin/").content.decode()
    assert 'href="/admin/apikeys/apikey/?filter=unlimited">Fix<' in page
    assert 'href="/admin/health/waiver/add/?guard_rail=unlimited_key">Waive<' in page


def test_events_are_shown_and_not_changed(admin: Client, unlimited: str) -> None:
    event = Event.objects.get(type="HealthChanged")
    assert "opened an incident" in admin.get("/admin/events/event/").content.decode()
    shown = admin.get(f"/admin/events/event/{event.pk}/change/")
    assert event.digest in shown.content.decode()
    assert admin.post(f"/admin/events/event/{event.pk}/change/", {"actor": "x"}).status_code == 403
    assert admin.post(f"/admin/events/event/{event.pk}/delete/", {"post": "yes"}).status_code == 403


def test_incident_shows_who_waived_it(admin: Client, unlimited: str) -> None:
    incident = next(incident for incident in open_incidents() if incident.guard_rail == "unlimited_key")
    page = f"/admin/health/incident/{incident.pk}/change/"
    assert "load test" not in admin.get(page).content.decode()
    admin.post("/admin/health/waiver/add/", form(key_id=unlimited))
    shown = admin.get(page).content.decode()
    assert re.search(rf">{unlimited}</a> by ada until [^<]+ UTC: load test<", shown)
    admin.post("/admin/health/waiver/add/", form(guard_rail="unused_key", reason="another"))
    assert "another" not in admin.get(page).content.decode()


def test_waiver_is_granted_and_ended_by_the_user(admin: Client, unlimited: str) -> None:
    assert degraded() == ["unlimited_key"]
    assert admin.post("/admin/health/waiver/add/", form(key_id=unlimited)).status_code == 302
    waiver = Waiver.objects.get()
    assert (waiver.granted_by, waiver.key_id, waiver.reason) == ("user:ada", unlimited, "load test")
    assert degraded() == []
    admin.post(f"/admin/health/waiver/{waiver.pk}/end/")
    assert degraded() == ["unlimited_key"]
    ended = Event.objects.get(type="WaiverEnded")
    assert (ended.actor, ended.data["because"]) == ("user:ada", "ended")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ends_at": "2001-01-01T00:00:00Z"}, "ends_at must be in the future."),
        ({"reason": ""}, "This field is required."),
        ({"key_id": "lk_000000000000"}, "No key has this ID."),
        ({"guard_rail": "absent_steward", "key_id": "lk_000000000000"}, "This guard rail is not about keys."),
    ],
)
def test_rejected_waiver_shows_error_at_field(admin: Client, values: dict[str, str], said: str) -> None:
    response = admin.post("/admin/health/waiver/add/", form(**values))
    assert (response.status_code, Waiver.objects.count()) == (200, 0)
    assert said in response.content.decode()


def test_guard_rail_pages_are_served(client: Client) -> None:
    page = client.get("/guard-rails/unlimited_key")
    assert page.status_code == 200
    assert "<h2>How to fix it</h2>" in page.content.decode()
    assert client.get("/guard-rails/speed").status_code == 404


def test_links_of_guard_rail_pages_are_served(client: Client) -> None:
    linked = set()
    for rail in GUARD_RAILS:
        page = client.get(f"/guard-rails/{rail.name}").content.decode()
        linked |= set(re.findall(r'href="([^"]*)"', page.partition("<h1>")[2]))
        assert "(<code>docs/how-to/waive-a-guard-rail.md</code>)" in page
    assert {"full_disk", "rebuilt_bucket_store"} <= linked - {"/docs/"} <= set(BY_NAME)


def test_waiver_for_revoked_key_shows_error_at_field(admin: Client, unlimited: str, service: ConfigService) -> None:
    service.revoke(unlimited)
    response = admin.post("/admin/health/waiver/add/", form(key_id=unlimited))
    assert "No guard rail checks revoked keys." in response.context["form"].errors["key_id"]
    assert not Waiver.objects.exists()
