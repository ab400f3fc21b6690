"""Requests that hash a password: on which thread, and how many may wait."""

import asyncio
import re
import threading
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.urls import reverse
from pytest_django import Settings

from apikeys.config_service import IssuedKey
from controlplane.wsgi import application as wsgi
from gateway.native.password_queue import MAX_PER_ADDRESS, MAX_REQUESTS, PasswordQueue, may_hash_password
from tests.controlplane.posting import Busy, post
from tests.gateway.endpoints import natively, scope_of

HASHING = [
    "admin:login",
    "admin:password_change",
    "admin:set-password",
    "admin:authenticator-set-up",
    "admin:authenticator-codes",
    "admin:authenticator-remove",
]


@pytest.mark.parametrize("name", HASHING)
def test_hashing_pages_use_queue(name: str) -> None:
    path = reverse(name)
    assert may_hash_password(scope_of("POST", path, "", {}))
    assert not may_hash_password(scope_of("GET", path, "", {}))


@pytest.mark.parametrize("path", ["/v1/keys", "/admin/apikeys/apikey/issue/", "/admin/auth/user/add/", "/health"])
def test_other_requests_do_not_use_queue(path: str) -> None:
    assert not may_hash_password(scope_of("POST", path, "", {}))


@pytest.mark.django_db(transaction=True)
def test_requests_run_on_their_threads(root: IssuedKey, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-in hashes on the thread for that. A known key has threads that no one else's requests can hold."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser("ada", password="a long enough pass phrase")
    threads: list[str] = []
    real_encode, real_wsgi = MD5PasswordHasher.encode, wsgi.get_response

    def encode(self: MD5PasswordHasher, password: str, salt: str) -> str:
        threads.append(threading.current_thread().name)
        return real_encode(self, password, salt)

    def respond(request: Any) -> Any:
        threads.append(threading.current_thread().name)
        return real_wsgi(request)

    page = natively("GET", "/admin/login/", "", {"Accept": "text/html"})
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)', page.body)
    assert token
    form = {"csrfmiddlewaretoken": token[1].decode(), "username": "ada", "password": "wrong"}
    fields = {
        "Cookie": page.fields["set-cookie"].split(";")[0],
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": settings.PUBLIC_URL,
    }
    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    assert natively("POST", "/admin/login/", "", fields, urlencode(form).encode()).status == 200
    assert threads == ["django-passwords_0"]
    monkeypatch.setattr(wsgi, "get_response", respond)
    key = {"X-API-Key": root.credential.reveal()}
    threads.clear()
    for fields in ({}, key, key):
        natively("GET", "/v1/whoami", "", fields)
    assert [name.rpartition("_")[0] for name in threads] == ["django", "django", "django-known-keys"]


LOGIN = "/admin/login/"


def test_requests_are_limited_per_address_and_in_total() -> None:
    async def crowd() -> None:
        django = Busy()
        app = PasswordQueue(django)
        waiting = [asyncio.create_task(post(app, LOGIN, host=1)) for _ in range(MAX_PER_ADDRESS)]
        await asyncio.sleep(0)
        status, fields, body = await post(app, LOGIN, host=1)
        assert (status, fields["retry-after"], b"quota-exceeded" in body) == (429, "5", True)
        waiting += [asyncio.create_task(post(app, LOGIN, host=2 + n)) for n in range(MAX_REQUESTS - MAX_PER_ADDRESS)]
        await asyncio.sleep(0)
        assert django.asked == MAX_REQUESTS
        status, fields, body = await post(app, LOGIN, host=99)
        assert (status, fields["retry-after"], b"/problems/unavailable" in body) == (503, "5", True)
        status, fields, body = await post(app, LOGIN, host=99, accept="text/html")
        assert (status, fields["retry-after"], fields["content-type"]) == (503, "5", "text/html; charset=utf-8")
        assert b"Too many sign-ins at the same time. Retry in 5 seconds." in body
        assert "default-src 'self'" in fields["content-security-policy"]
        django.free.set()
        assert [status for status, _, _ in await asyncio.gather(*waiting)] == [200] * MAX_REQUESTS
        assert {(await post(app, LOGIN, host=1))[0] for _ in range(10)} == {200}
        assert not app._waiting

    asyncio.run(crowd())
