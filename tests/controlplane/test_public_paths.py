"""Access by kind of caller: public paths, and no way from a key to the admin or back."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from apikeys.config_service import ConfigService, IssuedKey

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PATCH", "DELETE")
PUBLIC = {
    "/", "/health", "/openapi.json", "/docs", "/docs/", "/problems/not-found", "/guard-rails/unlimited_key", "/admin",
    "/admin/login/", "/admin/set-password/",
}  # fmt: skip
VALUES = {"key_id": "lk_000000000000", "webhook_id": "wh_000000000000", "code": "not-found", "name": "unlimited_key"}


def paths(patterns: Iterable[URLPattern | URLResolver] | None = None, prefix: str = "/") -> Iterator[str]:
    """Yield a path for each route, with values for its parameters; patterns that are regular expressions are left."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if not isinstance(pattern.pattern, RoutePattern):
            continue
        route = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: VALUES.get(found[1], "1"), str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from paths(pattern.url_patterns, prefix + route)
        else:
            yield prefix + route


def is_rest(path: str) -> bool:
    return path.startswith(("/v1/", "/metrics", "/health/"))


def is_open(client: Client, path: str) -> bool:
    """Whether any method gets something else than 401, or than being sent to sign in."""
    for method in METHODS:
        answer = client.generic(method, path)
        to_sign_in = answer.status_code == 302 and answer["Location"].startswith("/admin/login/")
        if answer.status_code != 401 and not to_sign_in:
            return True
    return False


def test_routes_are_found() -> None:
    found = set(paths())
    assert found > PUBLIC | {"/v1/check", "/v1/keys/lk_000000000000/rotate", "/metrics", "/admin/auth/user/1/delete/"}


def test_only_public_paths_are_open(client: Client) -> None:
    # Signing out asks for no session: it ends one, and leads to the first page.
    assert {path for path in paths() if is_open(client, path)} == PUBLIC | {"/admin/logout/"}


def test_key_without_scopes_reaches_only_itself(service: ConfigService) -> None:
    caller = Client(headers={"X-API-Key": service.issue({"label": "x", "rate_limit": None}).credential.reveal()})
    answers = {
        path: {caller.generic(method, path).status_code for method in METHODS} for path in paths() if is_rest(path)
    }
    assert {path for path, found in answers.items() if found - {403, 405}} == {
        "/v1/whoami",
        "/v1/whoami/usage",
        "/v1/check",
    }


@pytest.mark.parametrize("field", ["X-API-Key", "Authorization"])
def test_key_cannot_open_admin(root: IssuedKey, field: str) -> None:
    credential = root.credential.reveal()
    basic = f"Basic {b64encode(credential.encode()).decode()}"
    with_key = Client(headers={field: credential if field == "X-API-Key" else basic})
    assert with_key.get("/v1/whoami").status_code == 200
    admin = [path for path in paths() if path.startswith("/admin/")]
    assert {path for path in admin if is_open(with_key, path)} == {
        "/admin/login/",
        "/admin/logout/",
        "/admin/set-password/",
    }


def test_admin_session_cannot_open_rest(admin: Client) -> None:
    rest = [path for path in paths() if is_rest(path)]
    assert len(rest) > 15
    assert [path for path in rest if is_open(admin, path)] == []


def test_admin_forms_need_csrf_token(admin: Client) -> None:
    forger = Client(enforce_csrf_checks=True)
    forger.cookies = admin.cookies
    assert forger.get("/admin/").status_code == 200
    forms = [path for path in paths() if path.startswith("/admin/")]
    assert {forger.post(path).status_code for path in forms} == {403}
    assert forger.get("/admin/").status_code == 200, "and none of them signed out"
