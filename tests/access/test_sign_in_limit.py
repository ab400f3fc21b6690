"""Sign-ins from one address: each is charged before it costs a query or a hash."""

from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError
from tests.access.people import AUTHENTICATOR, PASSWORD, Person, browser

pytestmark = pytest.mark.django_db
LIMIT = 20
ELSEWHERE = "192.0.2.9"


@pytest.fixture(autouse=True)
def slow_refill(settings: Settings) -> None:
    """However slow the machine is, no token comes back during a test."""
    settings.AUTH_FAILURE_LIMIT = f'{{"burst": {LIMIT}, "per_seconds": 864000}}'


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed."""
    hashed: list[str] = []
    real = MD5PasswordHasher.encode

    def encode(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return real(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    return hashed


def try_names(times: int, **extra: Any) -> list[Any]:
    """Try to sign in with unknown names, each once."""
    visitor = browser()
    return [
        visitor.post("/admin/login/", {"username": f"nobody-{number}", "password": "x"}, **extra)
        for number in range(times)
    ]


def test_throttled_sign_in_runs_no_hash_and_no_query(hashes: list[str]) -> None:
    assert {answer.status_code for answer in try_names(LIMIT)} == {200}
    hashes.clear()
    with CaptureQueriesContext(connection) as queries:
        refused = try_names(5)
    assert {answer.status_code for answer in refused} == {429}
    assert (hashes, len(queries)) == ([], 0)
    seconds = refused[0]["Retry-After"]
    assert (0 < int(seconds) <= 864000 // LIMIT, refused[0]["Cache-Control"]) == (True, "no-store")
    assert f"Too many sign-ins from this address. Retry in {seconds} seconds." in refused[0].content.decode()


def test_api_client_gets_problem(hashes: list[str]) -> None:
    answer = try_names(LIMIT + 1, headers={"accept": "application/json"})[-1]
    assert (answer.status_code, answer["Content-Type"]) == (429, "application/problem+json")
    assert answer.json()["violated-policies"] == ["address"]


def test_other_address_can_sign_in(ada: Person) -> None:
    try_names(LIMIT + 1)
    assert ada.sign_in().status_code == 429
    assert ada.sign_in(REMOTE_ADDR=ELSEWHERE).status_code == 302


def test_failed_credentials_do_not_block_sign_in(ada: Person) -> None:
    for _ in range(LIMIT + 2):
        ada.browser.get("/v1/whoami", headers={"X-API-Key": "lk_000000000000:lks_" + "0" * 43 + "1mkfB0"})
    assert ada.sign_in().status_code == 302


def test_proof_is_charged_too(ada: Person, hashes: list[str]) -> None:
    ada.sign_in()
    hashes.clear()
    tries = [ada.browser.post(f"{AUTHENTICATOR}set-up/", {"password": "wrong"}) for _ in range(LIMIT)]
    assert [answer.status_code for answer in tries].count(429) >= 1, "the lockout of the name, and then the address"
    hashes.clear()
    assert ada.browser.post(f"{AUTHENTICATOR}set-up/", {"password": PASSWORD}).status_code == 429
    assert hashes == []


def test_sign_in_works_while_bucket_store_is_down(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BucketStoreError("no room")

    monkeypatch.setattr(default_limiter().store, "take", fail)
    assert ada.sign_in().status_code == 302
