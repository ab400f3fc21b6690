"""Every page of the admin, and every public one, opens in a real browser without a complaint."""

from base64 import b32decode
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django_otp.oath import totp
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apikeys.config_service import ConfigService
from events.origin import Origin
from tests.browser.signing_in import sign_in, sign_out, submit_sign_in
from tests.console.limits.forms import create_owner, create_plan

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow("drives a browser"), pytest.mark.storeless("pages")]
PASSWORD = "a long enough pass phrase"
PUBLIC = ("/docs/", "/problems/not-found", "/guard-rails/unlimited_key")
EXPECTED = {
    "/admin/",
    "/admin/authenticator/",
    "/admin/password_change/",
    "/admin/apikeys/apikey/",
    "/admin/apikeys/owner/",
    "/admin/apikeys/owner/acme/change/",
    "/admin/apikeys/owner/acme/adjust/monthly/",
    "/admin/apikeys/plan/",
    "/admin/apikeys/plan/team/edit/",
    "/admin/auth/group/",
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
    create_plan()
    create_owner()
    service.webhooks.add({"url": "https://hooks.example.com/x", "label": "pager"})
    User.objects.create_user("bob", is_staff=True).groups.add(Group.objects.get(name="viewer"))
    sign_in(page, "ada", PASSWORD)
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
    waiting = {"/admin/"}
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
    admin.get_by_role("button", name="Grant the waiver").click()
    expect(admin.get_by_text("Waiver granted.")).to_be_visible()
    expect(admin.get_by_text(offered.replace("T", " ").replace("Z", " UTC"))).to_be_visible()
    admin.get_by_role("link", name="End now").click()
    admin.get_by_role("button", name="End now").click()
    expect(admin.get_by_text("The waiver has ended.")).to_be_visible()


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
    sign_out(admin)
    visit(admin, "/admin/login/")
    submit_sign_in(admin, "ada", PASSWORD, codes[0])


def invite(admin: Page, context: BrowserContext) -> str:
    """Invite Eve, copy her link and sign out; return the link."""
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(admin, "/admin/auth/user/")
    admin.get_by_role("link", name="Invite", exact=True).click()
    admin.get_by_label("Name").fill("eve")
    admin.get_by_label("viewer").check()
    admin.get_by_role("button", name="Invite").click()
    admin.get_by_role("button", name="Copy", exact=True).click()
    expect(admin.get_by_text("Copied")).to_be_visible()
    link = urlsplit(admin.evaluate("navigator.clipboard.readText()"))
    admin.get_by_role("link", name="Done").click()
    expect(admin.get_by_text("has not chosen a password yet")).to_be_visible()
    assert link.fragment not in admin.content()
    sign_out(admin)
    return f"{link.path}#{link.fragment}"


def set_password(page: Page) -> None:
    page.get_by_label("New password:", exact=True).fill(PASSWORD)
    page.get_by_label("New password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Set my password").click()
    expect(page.get_by_text("Sign in as eve.")).to_be_visible()
    submit_sign_in(page, "eve", PASSWORD)


def test_invited_person_signs_in(admin: Page, context: BrowserContext) -> None:
    link = invite(admin, context)
    asked: list[str] = []
    admin.on("request", lambda request: asked.append(f"{request.url} {request.headers.get('referer')}"))
    code = link.partition("#")[2]
    visit(admin, f"{link.partition('#')[0]}#1-of-an-earlier-link")
    # In the same tab, which loads no page.
    assert admin.goto(link) is None
    expect(admin.get_by_label("One-time code")).to_have_value(code)
    assert admin.url.endswith("/admin/set-password/"), "the address no longer contains it"
    set_password(admin)
    assert not [line for line in asked if code in line]


def test_link_works_without_scripts(
    admin: Page, context: BrowserContext, chromium: Browser, live_server: object
) -> None:
    link = invite(admin, context)
    plain = chromium.new_context(base_url=str(live_server), java_script_enabled=False)
    page = plain.new_page()
    visit(page, link)
    page.get_by_label("One-time code").fill(f"{live_server}{link}")
    set_password(page)
    plain.close()
