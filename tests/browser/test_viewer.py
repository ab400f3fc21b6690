"""Who may only look is offered nothing else, and gets nothing else."""

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from apikeys.config_service import ConfigService
from events.origin import Origin
from tests.browser.signing_in import sign_in

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow("drives a browser"), pytest.mark.storeless("pages")]
PASSWORD = "a long enough pass phrase"
CHANGES = ("Issue a key", "Rotate", "Change the limit", "Disable", "Revoke", "Save", "Continue", "Grant a waiver")


def test_viewer_can_change_nothing(page: Page) -> None:
    viewer = User.objects.create_user("vi", password=PASSWORD, is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    key = ConfigService(Origin.of_command("test")).issue({"label": "billing"}).key
    sign_in(page, "vi", PASSWORD)
    for path in (
        "/admin/",
        "/admin/apikeys/apikey/",
        f"/admin/apikeys/apikey/{key.key_id}/change/",
        "/admin/guard-rails/",
    ):
        page.goto(path)
        for name in CHANGES:
            assert page.get_by_role("link", name=name, exact=True).count() == 0, (path, name)
            assert page.get_by_role("button", name=name, exact=True).count() == 0, (path, name)
    expect(page.get_by_role("link", name="unlimited_key")).to_be_visible()
    for action in ("rotate", "finish", "limit", "enable", "revoke"):
        response = page.request.get(f"/admin/apikeys/apikey/{key.key_id}/{action}/")
        assert response.status == 403
    assert page.request.get("/admin/apikeys/apikey/add/").status == 403
    assert page.request.get("/admin/health/waiver/add/").status == 403
