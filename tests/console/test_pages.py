"""Pages that belong to no model: the overview, the guard rails and the verification of the log."""

import re
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory

from apikeys.config_service import ConfigService
from console.components import components_page
from events.models import Event
from health.guard_rails import GUARD_RAILS
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
STEP = "/admin/verification/step/"


def test_overview_shows_what_matters(admin: Client, api: Caller, service: ConfigService) -> None:
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
    assert re.search(r'rotated <a href="[^"]+">turning</a>; the old secret ends in', page)
    assert page.count('<figure class="chart">') == 1
    assert "Open incidents: 1 warning, 1 notice. 3 keys are active." in page
    assert "Next steps" not in page


@pytest.mark.parametrize(("range_", "bars"), [("1h", 60), ("24h", 24), ("7d", 168), ("30d", 30), ("x", 24)])
def test_overview_shows_the_chosen_range(admin: Client, range_: str, bars: int) -> None:
    page = admin.get("/admin/", {"range": range_}).content.decode()
    assert page.count('<g role="img"') == bars


def test_new_installation_shows_next_steps(admin: Client) -> None:
    page = admin.get("/admin/").content.decode()
    for step in ("Issue your first key", "Protect a service", "Add a webhook", "Turn on an authenticator"):
        assert step in page


def test_overview_shows_what_the_user_may_see(client: Client, service: ConfigService) -> None:
    key = service.issue({"label": "night export", "rate_limit": None}).key
    user = User.objects.create_user("vi", is_staff=True)
    client.force_login(user)
    assert "Your role shows no page here." in client.get("/admin/").content.decode()
    user.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    for page in ("/admin/", f"/admin/apikeys/apikey/{key.key_id}/change/"):
        text = client.get(page).content.decode()
        assert "issued" not in text
        assert "have no enforced limit" not in text
        assert "Your role" not in text
    user.user_permissions.add(Permission.objects.get(codename="view_incident"))
    assert "have no enforced limit" in client.get("/admin/").content.decode()
    assert ">Fix<" not in client.get("/admin/").content.decode()
    assert ">Waive<" not in client.get("/admin/").content.decode()


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


def test_components_exist_only_while_debugging(admin: Client, rf: RequestFactory, settings: Any) -> None:
    assert admin.get("/admin/components/").status_code == 404
    settings.DEBUG = True
    names = [getattr(pattern, "name", "") for pattern in site.get_urls()]
    assert "components" in names
    request = rf.get("/admin/components/")
    request.user = User.objects.get(username="ada")
    request.user.is_verified = lambda: True  # type: ignore[attr-defined]  # as the middleware does
    page = components_page(request, site)
    assert isinstance(page, TemplateResponse)
    text = page.render().content.decode()
    assert text.count('<section class="card') > 8
    assert "Ensure this value is greater than or equal to 1." in text
