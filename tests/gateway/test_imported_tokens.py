"""Imported tokens at each endpoint that serves /v1/check, and on the fast path."""

import hashlib

import pytest

from apikeys.imports.service import ImportService
from apikeys.models import APIKey
from events.origin import Origin
from gateway.native.check_head import credential_and_request_id
from latchkey.credentials import Credential, ImportedToken, generate_secret
from tests.apikeys.imports.tables import drf_token
from tests.gateway.endpoints import Ask, by_fast_path, no_threads

pytestmark = pytest.mark.django_db(transaction=True)

SOURCE = {"name": "drf-api-key", "hash": "sha512", "alphabet": "base62+.", "min_length": 41}


@pytest.fixture
def token() -> str:
    """The token of an imported key."""
    made = drf_token()
    key = {"digest": hashlib.sha512(made.encode()).hexdigest(), "label": "x", "owner": "acme", "scopes": ["a:b"],
           "rate_limit": {"burst": 8, "per_seconds": 3600}}  # fmt: skip
    assert ImportService(Origin("command:test", "r")).import_keys(SOURCE, [key]).imported == 1
    return made


def test_every_endpoint_accepts_every_form(ask: Ask, token: str) -> None:
    key_id = APIKey.objects.get().key_id
    for fields in (
        {"Authorization": f"Api-Key {token}"},
        {"Authorization": f"Token {token}"},
        {"X-API-Key": token},
        {"X-API-Key": f" {token}", "Authorization": "Bearer of.the.service"},
    ):
        answer = ask("GET", "/v1/check", "scope=a:b", fields)
        assert (answer.status, answer.fields["x-latchkey-key-id"]) == (204, key_id)
        assert answer.fields["x-latchkey-owner"] == "acme"
    assert ask("GET", "/v1/check", "scope=c:d", {"X-API-Key": token}).status == 403
    assert answer.fields["ratelimit"].startswith('"key";r=4;')


def test_every_endpoint_rejects_others_alike(ask: Ask, token: str) -> None:
    wrong = ask("GET", "/v1/check", "", {"X-API-Key": f"lk_000000000000:{generate_secret()}", "X-Request-Id": "same"})
    unknown = ask("GET", "/v1/check", "", {"X-API-Key": drf_token(), "X-Request-Id": "same"})
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body)
    assert unknown.slug == "invalid-credential"
    assert ask("GET", "/v1/check", "", {"X-API-Key": token + "x"}).slug == "malformed-credential"
    assert ask("GET", "/v1/check", "", {"Authorization": f"Basic {token}"}).slug == "malformed-credential"
    assert ask("GET", "/v1/check", "", {"X-API-Key": token, "Authorization": f"Token {drf_token()}"}).status == 400


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
def test_cached_token_is_answered_on_the_fast_path(token: str, name: str) -> None:
    fields = {name: token if name == "X-API-Key" else f"Api-Key {token}"}
    # The first one waits for the lookup, but not in the application.
    assert by_fast_path("GET", "/v1/check", "", fields).by == "fast path"
    with no_threads():
        for _ in range(3):
            answer = by_fast_path("GET", "/v1/check", "", fields)
            assert (answer.by, answer.status) == ("fast path", 204)
        assert by_fast_path("GET", "/v1/check", "", {"X-API-Key": "garbage"}).by == "fast path"


def test_token_in_a_plain_head_is_found_without_a_second_look(token: str) -> None:
    def found(*fields: tuple[bytes, bytes]) -> Credential | None:
        return credential_and_request_id(list(fields))[0]

    sent = token.encode()
    for fields in (
        [(b"x-api-key", sent)],
        [(b"authorization", b"Api-Key " + sent)],
        [(b"authorization", b"bearer " + sent)],
    ):
        assert found(*fields) == ImportedToken.of(token)
    own = f"lk_0123456789ab:{generate_secret()}".encode()
    assert found((b"x-api-key", own), (b"authorization", b"Bearer " + sent)) == Credential(*own.decode().split(":"))
    # `CredentialHeaders.find` decides about these.
    for others in (
        [(b"x-api-key", sent), (b"authorization", b"Api-Key " + sent)],
        [(b"x-api-key", sent), (b"x-api-key", sent)],
        [(b"authorization", b"Basic " + sent)],
        [(b"x-api-key", sent + b"x")],
        [(b"authorization", sent)],
    ):
        assert found(*others) is None
