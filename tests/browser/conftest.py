"""A real browser before a live server; whatever it complains about fails the test."""

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.services import SERVICES

LOUD = ("error", "warning")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, ended with its module: while Playwright runs, so does an event loop in this thread."""
    if SERVICES["chromium"].missing():
        pytest.skip("Chromium is missing")
    # Playwright keeps an event loop in this thread, in which Django refuses to use the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


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


@pytest.fixture
def roles(transactional_db: None) -> None:
    """The groups of the migration, which emptying the tables after a test has taken away."""
    import_module("access.migrations.0001_roles").make_roles(apps, SimpleNamespace(connection=connection))
