"""Pages that belong to no model: the dashboard, the guard rails and the verification of the log."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apikeys.config_service import ConfigService
from events.models import Event
from health.guard_rails import GUARD_RAILS
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
STEP = "/admin/verification/step/"


def test_dashboard_shows_what_matters(admin: Client, api: Caller, service: ConfigService) -> None:
    unlimited = service.issue({"label": "night export", "rate_limit": None}).key
    rotating = service.issue({"label": "turning"}).key
    service.rotate(rotating.key_id)
    page = admin.get("/admin/").content.decode()
    assert "<strong>3</strong> active" in page
    assert "<strong>1</strong> unlimited" in page
    assert "<strong>1</strong> rotating" in page
    assert unlimited.key_id in page
    assert 'href="/guard-rails/unlimited_key"' in page
    assert "turning" in page
    assert "KeyRotated" in page
    assert page.count('<figure class="chart">') == 2


def test_guard_rail_page_shows_states(admin: Client, service: ConfigService) -> None:
    assert admin.get("/admin/guard-rails/").content.decode().count('class="badge active">ok') == len(GUARD_RAILS)
    service.issue({"label": "x", "rate_limit": None})
    page = admin.get("/admin/guard-rails/").content.decode()
    assert page.count(">violated</span>") == 2
    assert "/guard-rails/unlimited_key" in page


def verify(admin: Client) -> dict[str, object]:
    """Verify the log as the page does; return the last response."""
    step = admin.post(STEP).json()
    while not step["done"]:
        step = admin.post(STEP, {"through": step["through"], "digest": step["digest"]}).json()
    found: dict[str, object] = step
    return found


def test_log_is_verified_step_by_step(admin: Client, service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.verification.BATCH", 2)
    for _ in range(5):
        service.issue({"label": "x"})
    assert "Verify now" in admin.get("/admin/verification/").content.decode()
    found = verify(admin)
    assert (found["through"], found["last"], found["broken"]) == (5, 5, None)
    Event.objects.filter(id=4).update(actor="user:mallory")
    assert verify(admin)["broken"] == "Verification failed at event 4: its content does not match its digest."
    assert admin.post(STEP, {"through": "9" * 30, "digest": "x"}).json()["through"] == 0


def test_pages_need_their_permission(client: Client) -> None:
    client.force_login(User.objects.create_user("vi", is_staff=True))
    assert "Keys" not in client.get("/admin/").content.decode().partition("<main")[2]
    for page in ("/admin/guard-rails/", "/admin/verification/"):
        assert client.get(page).status_code == 403
    assert client.post(STEP).status_code == 403
    client.logout()
    assert client.post(STEP).status_code == 302
