"""The life of a key, walked in a real browser before a real server."""

import re
from base64 import b32decode
from collections.abc import Iterator

import httpx
import pytest
from django_otp.oath import totp
from playwright.sync_api import Browser, Page, expect

from tests.browser.signing_in import sign_in, sign_out
from tests.server.conftest import (
    StartServer,
    start_server,  # noqa: F401 - a fixture
)
from tests.support.server import RunningServer

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow("drives a browser"), pytest.mark.storeless("pages")]
PASSWORD = "a long enough pass phrase"
CREDENTIAL = re.compile(r"lk_[0-9a-z]{12}:lks_[0-9A-Za-z]{49}")


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> RunningServer:  # noqa: F811
    """A server with a superuser that requires an authenticator app to sign in."""
    server = start_server(workers=2, settings={"ADMIN_REQUIRE_TOTP": "true"})
    server.manage(
        "createsuperuser",
        "--noinput",
        "--username",
        "ada",
        "--email",
        "",
        environment={"DJANGO_SUPERUSER_PASSWORD": PASSWORD},
    )
    return server


@pytest.fixture
def page(chromium: Browser, server: RunningServer) -> Iterator[Page]:
    """A page whose console has nothing to complain about, and which may use the clipboard."""
    faults: list[str] = []
    context = chromium.new_context(base_url=f"http://localhost:{server.port}")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.on("console", lambda line: faults.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert [fault for fault in faults if "409" not in fault] == []


def set_up_authenticator(page: Page) -> bytes:
    """Set up an authenticator app and return its key."""
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set up an authenticator app").click()
    key = b32decode(page.locator(".key").inner_text().replace(" ", ""))
    page.get_by_label("Code").fill(f"{totp(key):06d}")
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    return key


def status(server: RunningServer, credential: str) -> int:
    """What the API answers to a credential."""
    return httpx.get(f"{server.url}/v1/whoami", headers={"X-API-Key": credential}).status_code


def copied(page: Page) -> str:
    """The credential, as the page's button puts it into the clipboard."""
    page.locator("[data-copy=copy-credential]").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    text: str = page.evaluate("navigator.clipboard.readText()")
    assert CREDENTIAL.fullmatch(text)
    return text


def test_life_of_a_key(page: Page, server: RunningServer) -> None:
    sign_in(page, "ada", PASSWORD)
    key = set_up_authenticator(page)
    sign_out(page)
    sign_in(page, "ada", PASSWORD, f"{totp(key, t0=-30):06d}")  # a code works once: this is the next one

    page.get_by_role("link", name="Issue a key").click()
    page.get_by_label("Label").fill("night export")
    page.get_by_role("button", name="Issue key").click()
    old = copied(page)
    assert status(server, old) == 200
    page.reload()  # the browser sends the form again
    assert not CREDENTIAL.search(page.content())
    page.goto("/admin/apikeys/apikey/")
    page.get_by_role("link", name="night export").click()
    here = page.url
    assert not CREDENTIAL.search(page.content())

    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Rotate").click()
    new = copied(page)
    assert [status(server, old), status(server, new)] == [200, 200]
    page.goto(here)
    expect(page.get_by_text("Not ready to finish")).to_be_visible()
    page.get_by_role("link", name="Finish the rotation").click()
    page.get_by_role("button", name="Finish the rotation").click()
    expect(page.get_by_text("To end the old secret anyway, select this box")).to_be_visible()
    page.get_by_label("End the old secret anyway").check()
    page.get_by_role("button", name="Finish the rotation").click()
    assert [status(server, old), status(server, new)] == [401, 200]

    page.goto(here)
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke permanently").click()
    expect(page.locator(".badge.revoked").first).to_be_visible()
    assert status(server, new) == 401
    kept = [path for path in server.data_dir.iterdir() if path.is_file()]  # the database, its journal, the log
    assert len(kept) > 2
    for secret in (old.partition(":")[2], new.partition(":")[2]):
        assert [path.name for path in kept if secret.encode() in path.read_bytes()] == []
