import re

import pytest
from django.conf import settings
from django.test import Client

from api.security_headers import CONTENT_SECURITY_POLICY, DOCS_POLICY

pytestmark = pytest.mark.django_db
PUBLIC = ("/admin/login/", "/admin/set-password/", "/problems/not-found", "/guard-rails/unlimited_key", "/docs/")
FOR_OPERATORS = (
    "/admin/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/group/",
    "/admin/auth/group/add/",
    "/admin/health/waiver/",
    "/admin/events/event/",
    "/admin/authenticator/",
)
INLINE = re.compile(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)
HTML = {"accept": "text/html"}


def test_policy_is_strict() -> None:
    directives = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert directives == {
        "default-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "object-src": "'none'",
    }
    assert DOCS_POLICY.removeprefix(CONTENT_SECURITY_POLICY) == "; img-src 'self' data:"


@pytest.mark.parametrize("page", [*PUBLIC, *FOR_OPERATORS])
def test_every_page_has_policy_and_no_inline_code(admin: Client, client: Client, page: str) -> None:
    answer = (Client() if page in PUBLIC else admin).get(page, headers=HTML)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer["Content-Security-Policy"] == (DOCS_POLICY if page == "/docs/" else CONTENT_SECURITY_POLICY)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert not INLINE.findall(answer.content.decode())


def test_templates_have_no_inline_code() -> None:
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        assert not INLINE.findall(path.read_text(encoding="utf-8")), path


def test_other_responses_have_no_policy(client: Client) -> None:
    assert "Content-Security-Policy" not in client.get("/openapi.json")
