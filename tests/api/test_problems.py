"""One shape for every 4xx and 5xx, routed or not."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings
from structlog.testing import capture_logs

from api.problems import log_unavailable
from apikeys.config_service import ConfigService, IssuedKey
from latchkey.credentials import generate_secret
from latchkey.problem_catalogue import CATALOGUE
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError
from tests.conftest import Caller

pytestmark = pytest.mark.django_db

MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


def check(response: Any, status: int, slug: str, path: str) -> dict[str, Any]:
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    body: dict[str, Any] = response.json()
    assert MEMBERS <= set(body) <= MEMBERS | {"errors", "violated-policies"}
    assert (body["status"], body["instance"]) == (status, path)
    assert body["type"] == f"https://keys.example.test/problems/{slug}"
    assert body["title"] == CATALOGUE[slug].title
    assert body["request_id"] == response["X-Request-Id"]
    assert response["Cache-Control"] == "no-store"
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("get", "/nowhere", 404, "not-found"),
        ("get", "/v1/", 404, "not-found"),
        ("get", "/v1/keys/", 404, "not-found"),
        ("get", "/v1/keys/LK_000000000000", 404, "not-found"),
        ("get", "/static/nothing.css", 404, "not-found"),
        ("get", "/problems/unheard-of", 404, "not-found"),
        ("post", "/", 405, "method-not-allowed"),
        ("post", "/health", 405, "method-not-allowed"),
        ("delete", "/openapi.json", 405, "method-not-allowed"),
        ("post", "/admin/login/x", 302, ""),
    ],
)
def test_missing_credential(client: Client, method: str, path: str, status: int, slug: str) -> None:
    response = getattr(client, method)(path)
    if slug:
        check(response, status, slug, path)
        if status == 405:
            assert "GET" in response["Allow"]


@pytest.mark.parametrize(
    ("content", "media_type", "status", "slug"),
    [
        (b"{", "application/json", 400, "malformed-request"),
        (b'{"label": "a", "label": "b"}', "application/json", 400, "malformed-request"),
        (b'{"label": NaN}', "application/json", 400, "malformed-request"),
        (b"\xff", "application/json", 400, "malformed-request"),
        (b"[" * 60_000, "application/json", 400, "malformed-request"),
        (b'"' + b"x" * 70_000 + b'"', "application/json", 413, "too-large"),
        (b"<key/>", "application/xml", 415, "unsupported-media-type"),
        (b"label=x", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b"[]", "application/json", 422, "invalid-parameters"),
        (b"null", "application/json", 422, "invalid-parameters"),
        (b"", "application/json", 422, "invalid-parameters"),
    ],
)
def test_rejected_bodies(api: Caller, content: bytes, media_type: str, status: int, slug: str) -> None:
    check(api.post("/v1/keys", content, content_type=media_type), status, slug, "/v1/keys")


def test_put_is_405_with_allow(api: Caller) -> None:
    response = api.put("/v1/keys", {})
    check(response, 405, "method-not-allowed", "/v1/keys")
    assert {"GET", "POST"} <= set(response["Allow"].split(", "))


def test_unknown_method_is_not_a_metric_label(client: Client) -> None:
    check(client.generic("PROPFIND", "/v1/keys"), 405, "method-not-allowed", "/v1/keys")


def test_not_acceptable(api: Caller) -> None:
    check(api.get("/v1/whoami", headers={"Accept": "image/png"}), 406, "not-acceptable", "/v1/whoami")


def test_unknown_host(client: Client) -> None:
    check(client.get("/admin/", headers={"Host": "evil.example"}), 400, "malformed-request", "/admin/")


def test_type_ignores_host_field(api: Caller) -> None:
    response = api.get("/v1/keys/lk_000000000000", headers={"Host": "localhost"})
    assert response.json()["type"].startswith("https://keys.example.test/")


def test_form_without_csrf_token() -> None:
    check(Client(enforce_csrf_checks=True).post("/admin/login/"), 403, "forbidden", "/admin/login/")


def test_ambiguous_credential(root: IssuedKey, service: ConfigService) -> None:
    other = service.issue({"label": "x"}).credential.reveal()
    caller = Caller(root.credential.reveal())
    response = caller.get("/v1/whoami", headers={"Authorization": f"Bearer {other}"})
    check(response, 400, "ambiguous-credential", "/v1/whoami")


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (OperationalError("the server is on fire"), 503, "unavailable"),
        (BucketStoreError("the disk is full"), 503, "unavailable"),
        (RuntimeError("lks_should_never_be_seen"), 500, "internal-error"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/whoami", "/admin/login/"])
def test_crash_hides_cause(
    root: IssuedKey, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, slug: str, path: str
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("api.whoami.decision_of", crash)
    monkeypatch.setattr("django.contrib.admin.sites.AdminSite.each_context", crash)
    caller = Caller(root.credential.reveal(), raise_request_exception=False)
    body = check(caller.get(path), status, slug, path)
    assert str(error) not in str(body)


def test_crash_is_logged_with_request_id(
    root: IssuedKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[object] = []
    receiver: Callable[..., None] = lambda **kwargs: seen.append(kwargs["request"])  # noqa: E731
    got_request_exception.connect(receiver)
    monkeypatch.setattr("api.whoami.decision_of", lambda _: 1 / 0)
    caller = Caller(root.credential.reveal(), raise_request_exception=False)
    with caplog.at_level(logging.ERROR, "django.request"):
        caller.get("/v1/whoami", headers={"X-Request-Id": "trace-me"})
    got_request_exception.disconnect(receiver)
    assert len(seen) == 1
    assert "ZeroDivisionError" in caplog.text


def test_failing_store_is_503(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BucketStoreError("no room")

    monkeypatch.setattr(default_limiter().store, "take", fail)
    check(api.get("/v1/whoami"), 503, "unavailable", "/v1/whoami")


@pytest.mark.parametrize("slug", CATALOGUE)
def test_every_problem_type_has_page(client: Client, slug: str) -> None:
    response = client.get(f"/problems/{slug}")
    problem = CATALOGUE[slug]
    assert response.json() == {
        "status": problem.status,
        "code": slug,
        "title": problem.title,
        "description": problem.remedy,
    }
    page = client.get(f"/problems/{slug}", headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("text/html")
    assert f"<h1>{problem.title.replace(chr(39), '&#x27;')}</h1>" in page.content.decode()


def test_debug_page_shows_no_secret(root: IssuedKey, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.DEBUG = True
    monkeypatch.setattr("api.whoami.decision_of", lambda _: 1 / 0)
    caller = Caller(root.credential.reveal(), raise_request_exception=False)
    for accept in ("text/html", "text/plain"):
        page = caller.get("/v1/whoami", headers={"Accept": f"application/json, {accept}"}).content.decode()
        assert root.credential.secret not in page


def test_outage_logs_one_line_without_secret() -> None:
    """Each request of an outage writes it, and so does each wrong credential that too many others wait before."""
    secret = generate_secret()
    error = OperationalError(f'connection failed: password "{secret}" \n' + "DETAIL: more\n" * 100)
    with capture_logs() as logs:
        log_unavailable(error, request_id="r")
    (line,) = logs
    assert (line["event"], line["log_level"], line["request_id"]) == ("unavailable", "error", "r")
    assert line["reason"].startswith("OperationalError: connection failed")
    assert len(line["reason"]) <= 300
    assert secret not in str(line)
    assert "exc_info" not in line
