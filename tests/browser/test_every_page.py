"""Every page of the admin, and every public one, opens in a real browser without a complaint."""

from base64 import b32decode
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django_otp.oath import totp
from playwright.sync_api import Page, expect

from apikeys.config_service import ConfigService
from events.origin import Origin

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow("drives a browser"), pytest.mark.storeless("pages")]
PASSWORD = "a long enough pass phrase"
PUBLIC = ("/docs/", "/problems/not-found", "/guard-rails/unlimited_key")
POPUP = "/admin/auth/group/add/?_popup=1"
EXPECTED = {
    "/admin/",
    "/admin/authenticator/",
    "/admin/password_change/",
    "/admin/apikeys/apikey/",
    "/admin/auth/group/add/",
    "/admin/auth/user/add/",
    "/admin/events/event/",
    "/admin/events/webhookendpoint/",
    "/admin/health/incident/",
    "/admin/health/waiver/add/",
}


@pytest.fixture
def admin(page: Page) -> Page:
    """The admin in which Ada, a superuser, is signed in, with a row of most kinds."""
    User.objects.create_superuser("ada", password=PASSWORD)
    service = ConfigService(Origin.of_command("test"))
    service.issue({"label": "unlimited", "rate_limit": None})
    service.webhooks.add({"url": "https://hooks.example.com/x", "label": "pager"})
    page.goto("/admin/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")
    return page


def visit(page: Page, path: str) -> None:
    """Goes there."""
    response = page.goto(path)
    assert response is not None
    assert response.status == 200, path


def links(page: Page) -> set[str]:
    """The paths in the admin that the page leads to."""
    found = page.eval_on_selector_all("a[href]:not([download])", "all => all.map(one => one.href)")
    here = urlsplit(page.url).netloc
    parts = [urlsplit(link) for link in found]
    return {part.path for part in parts if part.netloc == here and part.path.startswith("/admin/")}


def test_every_linked_page(admin: Page) -> None:
    seen: set[str] = set()
    waiting = {"/admin/", POPUP}
    while waiting:
        path = min(waiting)
        visit(admin, path)
        seen.add(path)
        waiting = (waiting | links(admin)) - seen
    assert seen >= EXPECTED


def test_public_pages(page: Page) -> None:
    for path in PUBLIC:
        visit(page, path)
    visit(page, "/docs/")
    page.get_by_text("/v1/whoami").first.click()
    expect(page.get_by_text("Responses").first).to_be_visible()


def test_theme_can_be_toggled(admin: Page) -> None:
    before = admin.locator("html").get_attribute("data-theme")
    admin.locator("button.theme-toggle").first.click()
    assert admin.locator("html").get_attribute("data-theme") != before


def test_suggested_time_is_accepted(admin: Page) -> None:
    visit(admin, "/admin/health/waiver/add/")
    admin.get_by_label("Guard rail").select_option("unlimited_key")
    admin.get_by_label("Reason").fill("load test")
    box = admin.get_by_label("Ends at (UTC)")
    offered = admin.locator(f"#{box.get_attribute('list')} option").first.get_attribute("value")
    assert offered
    box.fill(offered)
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_text("was added successfully")).to_be_visible()
    expect(admin.get_by_role("cell", name=offered.replace("T", " ").replace("Z", " UTC"), exact=True)).to_be_visible()


def test_authenticator_app_setup_and_sign_in(admin: Page) -> None:
    visit(admin, "/admin/authenticator/")
    admin.get_by_label("Password").fill(PASSWORD)
    admin.get_by_role("button", name="Set up an authenticator app").click()
    expect(admin.locator(".qr-code svg")).to_be_visible()
    key = b32decode(admin.locator(".key").inner_text().replace(" ", ""))
    admin.get_by_label("Code").fill(f"{totp(key):06d}")
    admin.get_by_role("button", name="Turn on").click()
    expect(admin.locator(".recovery-codes code")).to_have_count(10)
    codes = admin.locator(".recovery-codes code").all_inner_texts()
    admin.get_by_role("button", name="Log out").click()
    visit(admin, "/admin/login/")
    admin.get_by_label("Username").fill("ada")
    admin.get_by_label("Password").fill(PASSWORD)
    admin.get_by_label("Code").fill(codes[0])
    admin.get_by_role("button", name="Sign in").click()
    admin.wait_for_url("**/admin/")
