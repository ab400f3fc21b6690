"""A real browser before a live server; whatever it complains about fails the test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.browser import chromium
from tests.support.services import SERVICES

LOUD = ("error", "warning")


@pytest.fixture(scope="module", name="chromium")
def _chromium() -> Iterator[Browser]:
    """Ended with its module, as it keeps an event loop in this thread."""
    if SERVICES["chromium"].missing():
        pytest.skip("Chromium is missing")
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser, live_server: object) -> Iterator[BrowserContext]:
    """A browser that knows no cookie yet."""
    context = chromium.new_context(base_url=str(live_server))
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of it. What its console says that is an error or a warning fails the test: violations of the
    Content-Security-Policy, scripts that break, files that are missing.
    """
    faults: list[str] = []
    page = context.new_page()
    page.on("console", lambda line: faults.append(f"{page.url}: {line.text}") if line.type in LOUD else None)
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    yield page
    assert not faults
