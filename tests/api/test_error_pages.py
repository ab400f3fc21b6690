"""An error is a page with a next step in a browser, and a problem for programs: decided in one place."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import OperationalError
from django.test import Client

from tests.conftest import Caller

pytestmark = pytest.mark.django_db
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def text_of(answer: Any, status: int) -> str:
    """The text of an error page; checks what all of them have."""
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "Accept" in answer["Vary"]
    text: str = answer.content.decode()
    assert f"<code>{answer['X-Request-Id']}</code>" in text
    assert text.count("<h1>") == 1
    assert 'href="/admin/"' in text
    return text


@pytest.fixture
def viewer(client: Client) -> Client:
    user = User.objects.create_user("vi", is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    client.force_login(user)
    return client


def page(client: Client, path: str, status: int, method: str = "get") -> str:
    return text_of(getattr(client, method)(path, headers={"accept": BROWSER}), status)


def test_not_found_in_admin(admin: Client) -> None:
    for path in (
        "no-such-page/",
        "apikeys/apikey/lk_000000000000/change/",
        "apikeys/apikey/1/change/",
        "autocomplete/",
    ):
        text = page(admin, f"/admin/{path}", 404)
        assert "Page not found" in text
        assert "Log out" in text, "it has what is around every page of the admin"


def test_missing_permission(viewer: Client) -> None:
    text = page(viewer, "/admin/apikeys/apikey/add/", 403)
    assert "Ask an administrator for the permission" in text
    assert "Log out" in text


def test_unknown_host(client: Client) -> None:
    answer = client.get("//evil.example/", headers={"accept": BROWSER, "host": "evil.example"})
    text = text_of(answer, 400)
    assert "ALLOWED_HOSTS" in text
    assert "//evil.example" not in text


def test_expired_form(admin: Client) -> None:
    forger = Client(enforce_csrf_checks=True)
    forger.cookies = admin.cookies
    text = page(forger, "/admin/password_change/", 403, "post")
    assert "This form has expired" in text
    assert '<a class="action" href="/admin/password_change/">Open the page again</a>' in text


def test_method_not_allowed(admin: Client) -> None:
    answer = admin.get("/admin/authenticator/set-up/", headers={"accept": BROWSER})
    assert "opened that way" in text_of(answer, 405)
    assert answer["Allow"] == "POST"
    assert answer["X-Frame-Options"] == "DENY"


def test_unknown_list_filter(admin: Client) -> None:
    text = page(admin, "/admin/events/event/?digest__startswith=0", 400)
    assert 'href="/admin/events/event/">Open the page again' in text


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("lks_cause"), 500), (OperationalError("lks_cause"), 503)])
def test_server_error_page_needs_no_database(
    admin: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("django.contrib.admin.sites.AdminSite.each_context", crash)
    admin.raise_request_exception = False
    text = page(admin, "/admin/", status)
    assert "lks_cause" not in text
    assert 'id="site-name"' in text, "the admin's look"


@pytest.mark.parametrize("path", ["/nowhere", "/docs/nowhere", "/problems/unheard-of", "/guard-rails/none"])
def test_public_paths(client: Client, path: str) -> None:
    text = page(client, path, 404)
    assert "/static/latchkey/page.css" in text
    assert "Log out" not in text


@pytest.mark.parametrize("path", ["/admin/no-such-page/", "/nowhere", "/v1/nowhere", "/v1/keys", "/health/nothing"])
@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "application/problem+json", "application/json, text/html", "text/html;q=0.5, */*"],
)
def test_api_client_gets_problem(admin: Client, path: str, accept: str) -> None:
    answer = admin.get(path, headers={"accept": accept} if accept else {})
    assert answer["Content-Type"] == "application/problem+json", answer.status_code


def test_api_paths_have_no_pages(api: Caller) -> None:
    for path in ("/v1/nowhere", "/v1/keys/lk_000000000000", "/health/nothing", "/openapi.json/"):
        answer = api.get(path, headers={"accept": BROWSER})
        assert (answer.status_code >= 400, answer["Content-Type"]) == (True, "application/problem+json"), path
