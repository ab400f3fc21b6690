"""Imported tokens in requests: what is looked up, what it costs, and what first use, rotation and revocation do."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.config_service import ConfigService
from apikeys.errors import DisabledKey, InvalidCredential, QuotaExceeded, RevokedKey
from apikeys.imports.service import ImportService
from apikeys.imports.sources import RELOADED_AFTER_SECONDS, ImportSources, default_import_sources
from apikeys.models import APIKey, ImportSource, KeySecret
from apikeys.peppers import configured_peppers
from events.origin import Origin
from latchkey.credential_headers import DEFAULT
from latchkey.credentials import (
    AmbiguousCredential,
    Credential,
    ImportedToken,
    MalformedCredential,
    MissingCredential,
    generate_secret,
)
from ratelimit.limit import Limit
from ratelimit.limiter import default_limiter
from tests.apikeys.imports.tables import drf_token, knox_token
from tests.apikeys.process import Process

pytestmark = pytest.mark.django_db(transaction=True)

DRF = {"name": "drf-api-key", "hash": "sha512", "alphabet": "base62+.", "min_length": 41}
KNOX4 = {"name": "knox4", "hash": "sha512-hex", "alphabet": "hex", "min_length": 64}


def import_tokens(tokens: Sequence[str], source: dict[str, Any] = DRF, **values: object) -> list[APIKey]:
    """Import these tokens, and return their keys in the same order."""
    data = [bytes.fromhex(token) if source["hash"] == "sha512-hex" else token.encode() for token in tokens]
    keys = [{"digest": hashlib.sha512(one).hexdigest(), "label": "customer", **values} for one in data]
    result = ImportService(Origin("command:test", "request-of-test")).import_keys(source, keys)
    assert (result.imported, result.errors) == (len(tokens), [])
    return list(APIKey.objects.order_by("-pk")[: len(tokens)])[::-1]


@pytest.fixture
def here() -> Process:
    return Process(default_limiter())


@pytest.mark.parametrize(("source", "make"), [(DRF, drf_token), (KNOX4, knox_token)])
def test_token_passes_and_then_needs_no_query(here: Process, source: dict[str, Any], make: Any) -> None:
    token = make()
    (key,) = import_tokens([token], source)
    verified = here.authenticator.authenticate(ImportedToken.of(token), "192.0.2.1")
    assert verified.credential.key_id == key.key_id
    # A process reads them once, whatever the credential.
    here.authenticator.read_policies()
    with CaptureQueriesContext(connection) as queries:
        for _ in range(10):
            assert here.passes(ImportedToken.of(token))
            assert here.authenticator.authenticate_from_cache(ImportedToken.of(token)) is not None
            assert not here.authenticator.is_cold(ImportedToken.of(token))
    assert len(queries) == 0


def test_first_use_replaces_the_digest(here: Process) -> None:
    token, unused = drf_token(), drf_token()
    key, _ = import_tokens([token, unused])
    assert here.passes(ImportedToken.of(token))
    # The request didn't wait for it.
    assert KeySecret.objects.get(key=key).foreign_hash == "sha512"
    assert here.tokens.first_uses.run_once() == 1
    assert here.tokens.first_uses.run_once() == 0
    secret = KeySecret.objects.get(key=key)
    peppers = configured_peppers()
    assert (secret.foreign_hash, secret.pepper_id) == (None, peppers.current)
    assert bytes(secret.digest) == peppers.digest(f"token:{token}", peppers.current)
    assert KeySecret.objects.filter(foreign_hash="sha512").count() == 1
    # A record with the old digest, one with the new digest, and a process that knows neither.
    assert here.passes(ImportedToken.of(token))
    here.cache.clear()
    assert here.passes(ImportedToken.of(token))
    assert Process(default_limiter()).passes(ImportedToken.of(token))


def test_first_use_of_a_token_that_has_ended_writes_nothing(here: Process, service: ConfigService) -> None:
    token = drf_token()
    (key,) = import_tokens([token])
    assert here.passes(ImportedToken.of(token))
    service.rotate(key.key_id, {"grace_seconds": 0})
    here.tokens.first_uses.run_once()
    assert KeySecret.objects.get(key=key).source is None
    with pytest.raises(InvalidCredential):
        here.passes(ImportedToken.of(token))


def test_revocation_applies_to_the_next_request(here: Process, service: ConfigService) -> None:
    token = drf_token()
    (key,) = import_tokens([token])
    other = Process(default_limiter())
    assert here.passes(ImportedToken.of(token))
    assert other.passes(ImportedToken.of(token))
    service.update(key.key_id, {"enabled": False})
    for process in (here, other):
        with pytest.raises(DisabledKey):
            process.passes(ImportedToken.of(token))
    service.revoke(key.key_id)
    for process in (here, other):
        with pytest.raises(RevokedKey):
            process.passes(ImportedToken.of(token))


def test_rotation_replaces_the_token_with_a_credential(here: Process, service: ConfigService) -> None:
    token = drf_token()
    (key,) = import_tokens([token])
    issued = service.rotate(key.key_id, {"grace_seconds": 3600})
    assert here.passes(issued.credential)
    assert here.passes(ImportedToken.of(token))
    here.wall = here.wall.replace(year=here.wall.year + 1)
    with pytest.raises(InvalidCredential):
        here.passes(ImportedToken.of(token))
    assert here.passes(issued.credential)
    service.finish_rotation(key.key_id)
    with pytest.raises(InvalidCredential):
        Process(default_limiter()).passes(ImportedToken.of(token))


def test_text_without_the_shape_costs_no_query(here: Process) -> None:
    import_tokens([drf_token()])
    for text in (drf_token()[:-1], drf_token() + "x", drf_token().replace(".", "!"), "", " ", "é" * 41):
        with CaptureQueriesContext(connection) as queries, pytest.raises(MalformedCredential):
            here.passes(ImportedToken.of(text))
        assert len(queries) == 0
        assert not default_import_sources().may_be_token(text)


def test_unknown_token_is_an_invalid_credential_and_costs_its_address(here: Process) -> None:
    (key,) = import_tokens([drf_token()])
    wrong = Credential(key.key_id, generate_secret())
    answers = []
    for credential in (wrong, ImportedToken.of(drf_token()), ImportedToken.of(drf_token())):
        with pytest.raises(InvalidCredential) as caught:
            here.passes(credential)
        answers.append((caught.value.slug, caught.value.detail, caught.value.errors))
    assert answers[0] == answers[1] == answers[2]
    with CaptureQueriesContext(connection) as queries, pytest.raises(QuotaExceeded):
        here.passes(ImportedToken.of(drf_token()))
    assert len(queries) == (2 if connection.vendor == "sqlite" else 1)


def test_tokens_of_a_batch_share_a_query(here: Process) -> None:
    tokens = [drf_token() for _ in range(5)]
    keys = import_tokens(tokens)
    batch = [(ImportedToken.of(token), "192.0.2.1") for token in (*tokens, drf_token())]
    with CaptureQueriesContext(connection) as queries:
        results: list[Any] = here.authenticator.authenticate_batch(batch)
    # The tokens, then the keys and their secrets, which PostgreSQL gets in one message.
    assert len(queries) <= 3
    assert [result.credential.key_id for result in results[:5]] == [key.key_id for key in keys]
    assert isinstance(results[5], InvalidCredential)


def test_token_and_secret_are_never_taken_for_each_other(here: Process, service: ConfigService) -> None:
    own = service.issue({"label": "own"})
    token = "lks_" + drf_token().replace(".", "")
    source = {
        "name": "alike",
        "hash": "sha512",
        "prefix": "lks_",
        "alphabet": "base62",
        "min_length": 20,
        "max_length": 60,
    }
    (key,) = import_tokens([token], source)
    assert here.passes(ImportedToken.of(token))
    for credential in (
        Credential(key.key_id, token),
        Credential(key.key_id, f"token:{token}x"),
        ImportedToken(own.key.key_id, own.credential.secret),
        ImportedToken.of(own.credential.secret),
    ):
        with pytest.raises(InvalidCredential):
            Process(default_limiter(), failure_limit=Limit(100, 60)).passes(credential)


def test_old_record_confirms_a_token(here: Process) -> None:
    token = drf_token()
    import_tokens([token])
    assert here.passes(ImportedToken.of(token))
    here.monotonic += TTL_SECONDS
    assert here.authenticator.authenticate_from_cache(ImportedToken.of(token)) is None
    assert not here.authenticator.is_cold(ImportedToken.of(token))
    assert here.passes(ImportedToken.of(token))


def test_sources_are_read_at_the_first_need_and_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    sources = ImportSources({}, clock=lambda: seconds)
    monkeypatch.setattr(sources, "_due_at", float("-inf"))
    token = drf_token()
    # Not known yet, so the lookup decides.
    assert sources.may_be_token(token)
    assert not sources.may_be_token("short")
    assert sources.digests(token) == []
    assert not sources.may_be_token(token)
    import_tokens([token])
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            assert not sources.may_be_token(token)
            assert sources.digests(token) == []
        assert len(queries) == 0
        seconds = RELOADED_AFTER_SECONDS
        for _ in range(3):
            assert sources.may_be_token(token)
            assert sources.digests(token) == [hashlib.sha512(token.encode()).digest()[:32]]
        assert len(queries) == 1


def test_text_without_the_shape_is_malformed_while_the_sources_are_due(here: Process) -> None:
    import_tokens([drf_token()])
    token = drf_token().replace(".", "")
    default_import_sources()._due_at = float("-inf")
    assert default_import_sources().may_be_token(token)
    with CaptureQueriesContext(connection) as queries, pytest.raises(MalformedCredential):
        here.passes(ImportedToken.of(token))
    assert [query["sql"].split(" FROM ")[1].split()[0] for query in queries] == ['"apikeys_importsource"']


def test_known_sources_stay_while_the_database_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = ImportSources({})
    token = drf_token()
    import_tokens([token])
    sources.load()

    def fail() -> None:
        raise OperationalError("down")

    monkeypatch.setattr(sources, "load", fail)
    sources._due_at = float("-inf")
    assert len(sources.digests(token)) == 1
    assert sources.may_be_token(token)
    assert not sources.may_be_token(token + "x")
    sources._sources, sources._due_at = None, float("-inf")
    with pytest.raises(OperationalError):
        sources.digests(token)


def test_import_of_a_digest_that_another_key_has(here: Process) -> None:
    token = drf_token()
    (key,) = import_tokens([token])
    here.passes(ImportedToken.of(token))
    here.tokens.first_uses.run_once()
    again = {"digest": hashlib.sha512(token.encode()).hexdigest(), "label": "thief", "scopes": ["*"]}
    for source in (DRF, {**DRF, "name": "other"}):
        result = ImportService(Origin("command:test", "r")).import_keys(source, [again])
        assert (result.imported, result.unchanged) == (0, 1)
    assert here.authenticator.authenticate(ImportedToken.of(token), "192.0.2.1").credential.key_id == key.key_id
    # A source without keys isn't kept.
    assert ImportSource.objects.count() == 1


OWN = f"lk_0123456789ab:{generate_secret()}"
TOKEN = "A" * 8 + "." + "b" * 32


def is_token(text: str) -> bool:
    return len(text) == 41 and "." in text


@pytest.mark.parametrize(
    ("api_key", "authorization"),
    [
        (TOKEN, None), (f" {TOKEN} ", None), (f"{TOKEN},{TOKEN}", None), (None, f"Api-Key {TOKEN}"),
        (None, f"token  {TOKEN}"), (None, f"Bearer {TOKEN}"), (TOKEN, f"Token {TOKEN}"), (TOKEN, "Bearer of.the.service"),
        ("not one", f"Api-Key {TOKEN}"), (None, f"Basic dXNlcjpwYXNz, Api-Key {TOKEN}"),
    ],
)  # fmt: skip
def test_token_in_header_fields(api_key: str | None, authorization: str | None) -> None:
    assert DEFAULT.find([api_key, authorization], is_token) == ImportedToken.of(TOKEN)


@pytest.mark.parametrize(
    ("api_key", "authorization"),
    [(OWN, f"Api-Key {TOKEN}"), (TOKEN, f"Bearer {OWN}")],
    ids=["in X-API-Key", "in Authorization"],  # the secret differs from process to process
)
def test_own_credential_goes_first(api_key: str, authorization: str | None) -> None:
    try:
        found = DEFAULT.find([api_key, authorization], is_token)
    except MalformedCredential:
        pytest.fail("the credential is there")
    assert found.key_id == "lk_0123456789ab"


@pytest.mark.parametrize(
    ("api_key", "authorization", "error"),
    [
        (None, f"Basic {TOKEN}", MalformedCredential),
        (None, TOKEN, MissingCredential),
        (None, "Digest username=x", MissingCredential),
        ("", f"Api-Key {TOKEN[:-1]}", MissingCredential),
        (TOKEN, f"Api-Key {TOKEN.lower()}", AmbiguousCredential),
        ("x," * 100 + TOKEN, None, MalformedCredential),
    ],
)
def test_no_token(api_key: str | None, authorization: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        DEFAULT.find([api_key, authorization], is_token)
