"""Pictures of the admin, of a real server with the demo's data: python -m tests.browser.screenshots.

Those of the documentation go to docs/images/. Every page, in both themes and at two widths, goes to build/screenshots/.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from tests.browser.every_page import every_page
from tests.browser.signing_in import sign_in
from tests.support.commands import ROOT
from tests.support.server import RunningServer

PICTURES: Final = ROOT / "docs" / "images"
PASSWORD: Final = "a-password-for-pictures"
EVERY_PAGE: Final = ROOT / "build" / "screenshots"
WIDTHS: Final = (1400, 390)
SIZE: Final = {"width": 1280, "height": 860}
LIST: Final = "/admin/apikeys/apikey/"


def main() -> None:
    """Seeds a server in a throw-away directory and takes each picture, light and dark."""
    PICTURES.mkdir(exist_ok=True)
    EVERY_PAGE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        server = RunningServer(Path(directory), workers=1)
        server.manage("migrate", "--verbosity", "0")
        server.manage("seed_demo", "--seed", "7")
        account = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        server.manage("createsuperuser", "--noinput", "--username", "ada", "--email", "", environment=account)
        server.start()
        try:
            for scheme in ("light", "dark"):
                _take(server, scheme)
        finally:
            server.stop()


def _take(server: RunningServer, scheme: str) -> None:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page(base_url=f"http://localhost:{server.port}", color_scheme=scheme, viewport=SIZE)  # type: ignore[arg-type]
        sign_in(page, "ada", PASSWORD)
        for name, path in _pages(page).items():
            page.goto(path)
            page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
            print(f"docs/images/{name}-{scheme}.png", file=sys.stderr)
        for name, path in every_page(page).items():
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(path)
                page.screenshot(path=EVERY_PAGE / f"{name}-{scheme}-{width}.png", full_page=True)
                print(f"build/screenshots/{name}-{scheme}-{width}.png", file=sys.stderr)
        browser.close()


def _pages(page: Page) -> dict[str, str]:
    """What is shown, by the picture's name."""
    page.goto(f"{LIST}?filter=rotating")
    rotating = page.locator("#result_list tbody th a").first.get_attribute("href") or ""
    page.goto(f"{LIST}?filter=throttled")
    busy = page.locator("#result_list tbody th a").first.get_attribute("href") or ""
    page.goto("/admin/health/incident/?state=open")
    incident = page.locator("#result_list tbody th a").first.get_attribute("href") or ""
    rotation = re.sub(r"change/$", "finish/", rotating)
    return {
        "overview": "/admin/",
        "keys": LIST,
        "key": busy,
        "rotating": rotating,
        "rotation": rotation,
        "incident": incident,
    }


if __name__ == "__main__":
    main()
