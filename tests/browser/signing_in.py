"""Signing in to the admin and out of it, each step awaited: the next one must not overtake it."""

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect


def sign_in(page: Page, name: str, password: str, code: str = "") -> None:
    """Sign in from the overview, which asks for it first."""
    page.goto("/admin/")
    submit_sign_in(page, name, password, code)


def submit_sign_in(page: Page, name: str, password: str, code: str = "") -> None:
    """Fill in the form on this page, and return on the page that follows."""
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    if code:
        page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    # Not a pattern: the address of the form may end with "?next=/admin/", like that of the overview.
    page.wait_for_url(lambda url: urlsplit(url).path != "/admin/login/")


def sign_out(page: Page) -> None:
    """Sign out, and return when the server has ended the session."""
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in again")).to_be_visible()
