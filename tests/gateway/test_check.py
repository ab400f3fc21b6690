"""/v1/check: one table of cases, to which every endpoint returns the same response."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from apikeys.address_limit import LOOK_UP_BURST
from apikeys.auth_failures import AUTH_FAILURES
from apikeys.cache.key_cache import LOOKUPS
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from latchkey.credentials import generate_key_id, generate_secret
from ratelimit.limiter import default_limiter
from ratelimit.metrics import ALLOWED, STORE_SECONDS, THROTTLED
from tests.gateway.endpoints import (
    Ask,
    by_django,
    by_fast_path,
    check,
    natively,
    with_wrong_secret,
)

pytestmark = pytest.mark.django_db(transaction=True)

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@dataclass(frozen=True)
class Case:
    """A change of the key, the parameters and the credential of a check, and the expected result."""

    name: str
    status: int
    slug: str = ""
    code: str = "VALID"
    query: str = ""
    change: dict[str, object] | None = None
    expired: bool = False
    revoked: bool = False
    credential: Callable[[str], str] = field(default=lambda right: right)
    cost: int = 1
    scopes: tuple[str, ...] = ()


CASES = [
    Case("valid", 204),
    Case("scope", 204, query="scope=orders:read", scopes=("orders:read",)),
    Case("scopes", 204, query="scope=orders:read&scope=users:read", scopes=("orders:read", "users:read")),
    Case("scopes in one", 204, query="scope=orders:read+users:read", scopes=("orders:read", "users:read")),
    Case("missing scope", 403, "insufficient-scope", "INSUFFICIENT_SCOPE", "scope=users:write", scopes=("users:write",)),
    Case("cost", 204, query="cost=5", cost=5),
    Case("cost above burst", 403, "limit-too-small", "", "cost=6", cost=6),
    Case("wrong secret", 401, "invalid-credential", "INVALID", credential=with_wrong_secret),
    Case("unknown key", 401, "invalid-credential", "INVALID", credential=lambda _: f"{generate_key_id()}:{generate_secret()}"),
    Case("checksum", 401, "malformed-credential", "INVALID", credential=lambda right: right[:-1] + ("a" if right[-1] != "a" else "b")),
    Case("nonsense", 401, "malformed-credential", "INVALID", credential=lambda _: "nonsense"),
    Case("disabled", 401, "disabled-key", "DISABLED", change={"enabled": False}),
    Case("expired", 401, "expired-key", "EXPIRED", expired=True),
    Case("revoked", 401, "revoked-key", "REVOKED", revoked=True),
]  # fmt: skip


def prepare(case: Case, key: IssuedKey, service: ConfigService) -> str:
    """Bring the key into the state of the case. Return the credential to send."""
    if case.change:
        service.update(key.key.key_id, case.change)
    if case.expired:
        APIKey.objects.filter(pk=key.key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        service.update(key.key.key_id, {"label": "x"})
    if case.revoked:
        service.revoke(key.key.key_id)
    return case.credential(key.credential.reveal())


@pytest.mark.parametrize("warm", [True, False], ids=["in memory", "not in memory"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_endpoint_returns_same_response(
    ask: Ask, case: Case, warm: bool, key: IssuedKey, service: ConfigService
) -> None:
    if warm:
        assert check(ask, key.credential.reveal()).status == 204
        default_limiter().store.reset(key.key.key_id.encode())
    credential = prepare(case, key, service)
    answer = check(ask, credential, case.query)
    assert (answer.status, answer.slug) == (case.status, case.slug)
    if case.slug == "limit-too-small":
        assert "x-ratelimit-remaining" not in answer.fields, "nothing was taken"
        both = "costs 6 tokens; the key's bucket holds 5. Give the key a burst of at least 6."
        assert answer.problem["detail"] == f"This request {both}"
    elif case.status in (204, 403):
        assert answer.fields["x-ratelimit-remaining"] == str(5 - case.cost)
        assert answer.fields["ratelimit-policy"] == '"key";q=5;w=3600'
    if case.status == 401:
        assert answer.fields["www-authenticate"] == 'Bearer realm="Latchkey"'
        assert "ratelimit" not in answer.fields


@pytest.mark.parametrize("case", [case for case in CASES if case.code], ids=lambda case: case.name)
@pytest.mark.parametrize("verify", [by_django, natively, by_fast_path], ids=["django", "native", "fast path"])
def test_verify_returns_same_result(verify: Ask, case: Case, key: IssuedKey, service: ConfigService) -> None:
    caller = service.issue({"label": "shop", "scopes": ["verify"]}).credential.reveal()
    credential = prepare(case, key, service)
    body = json.dumps({"credential": credential, "scopes": case.scopes, "cost": case.cost}).encode()
    answer = verify("POST", "/v1/verify", "", {"X-API-Key": caller, "Content-Type": "application/json"}, body)
    result = json.loads(answer.body)
    assert (answer.status, result["code"], result["valid"]) == (200, case.code, case.code == "VALID")
    assert answer.fields["cache-control"] == "no-store"
    assert answer.fields["x-ratelimit-remaining"] == "59"


def test_identity_fields_are_ascii(ask: Ask, key: IssuedKey) -> None:
    fields = check(ask, key.credential.reveal()).fields
    assert fields["x-latchkey-key-id"] == key.key.key_id
    assert fields["x-latchkey-owner"] == "Zo%C3%AB & co. 100%25"
    assert fields["x-latchkey-scopes"] == "orders:* users:read"
    assert fields["cache-control"] == "no-store"


@pytest.mark.parametrize("method", METHODS)
def test_any_method(ask: Ask, key: IssuedKey, method: str) -> None:
    assert check(ask, key.credential.reveal(), method=method).status == 204
    refused = check(ask, None, method=method)
    assert (refused.status, bool(refused.body)) == (
        401,
        method != "HEAD" or (ask is not by_fast_path and bool(refused.body)),
    )


@pytest.mark.parametrize("method", ["PROPFIND", "BREW"])
def test_method_unknown_to_django(key: IssuedKey, method: str) -> None:
    assert check(by_fast_path, key.credential.reveal(), method=method).status == 204
    assert check(natively, key.credential.reveal(), method=method).status == 204


def test_body_is_ignored(ask: Ask, key: IssuedKey) -> None:
    answer = ask("POST", "/v1/check", "", {"X-API-Key": key.credential.reveal()}, b"{not json")
    assert answer.status == 204


def test_rate_limit_exceeded(ask: Ask, key: IssuedKey) -> None:
    credential = key.credential.reveal()
    assert [check(ask, credential).status for _ in range(6)] == [204] * 5 + [429]
    answer = check(ask, credential, "scope=users:write")  # the limit is checked before the scope
    assert answer.problem["violated-policies"] == ["key"]
    assert answer.problem["instance"] == "/v1/check"
    assert (answer.fields["retry-after"], answer.fields["ratelimit"]) == ("720", '"key";r=0;t=720')
    assert "x-latchkey-status" not in answer.fields


@pytest.mark.parametrize("query", ["deny=403", "scope=orders:read&deny=403"])
def test_deny_403_replaces_429(ask: Ask, key: IssuedKey, query: str) -> None:
    credential = key.credential.reveal()
    for _ in range(5):
        assert check(ask, credential, query).status == 204
    answer = check(ask, credential, query)
    assert (answer.status, answer.fields["x-latchkey-status"]) == (403, "429")
    assert (answer.fields["retry-after"], answer.problem["status"]) == ("720", 429)
    missing = check(ask, None, "deny=403")
    assert (missing.status, missing.fields["x-latchkey-status"]) == (401, "401")
    two = check(ask, credential, "deny=403", Authorization=f"Bearer {with_wrong_secret(credential)}")
    assert (two.status, two.fields["x-latchkey-status"], two.slug) == (403, "400", "ambiguous-credential")


def test_request_id_with_secret_is_replaced(ask: Ask, key: IssuedKey) -> None:
    sent = {"X-Request-Id": key.credential.secret}
    for credential in (key.credential.reveal(), "nonsense"):
        answer = check(ask, credential, **sent)
        assert key.credential.secret not in f"{answer.fields}{answer.body!r}"
        assert len(answer.fields["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("scpe=orders:read", "/scpe"),
        ("scope=", "/scope"),
        ("scope=Orders", "/scope"),
        ("scope=orders:read++users:read", "/scope"),
        ("cost=0", "/cost"),
        ("cost=1.0", "/cost"),
        ("cost=1&cost=2", "/cost"),
        ("deny=429", "/deny"),
        ("deny=", "/deny"),
        ("x=" + "y" * 5000, ""),
        ("&".join(["scope=orders:read"] * 65), "/scope"),
    ],
    ids=lambda value: value[:30],
)
def test_invalid_query_is_rejected(ask: Ask, key: IssuedKey, query: str, pointer: str) -> None:
    answer = check(ask, key.credential.reveal(), query)
    assert (answer.status, [error["pointer"] for error in answer.problem["errors"]]) == (422, [pointer])


@pytest.mark.parametrize(
    ("offered", "kept"), [("a-1.b_C", True), ("x" * 128, True), ("x" * 129, False), ("a b", False)]
)
def test_request_id(ask: Ask, key: IssuedKey, offered: str, kept: bool) -> None:
    for credential in (key.credential.reveal(), None):
        answer = check(ask, credential, **{"X-Request-Id": offered})
        found = answer.fields["x-request-id"]
        assert (found == offered) is kept
        assert len(found) == (len(offered) if kept else 32)
        if answer.status != 204:
            assert answer.problem["request_id"] == found


def test_metrics_count_every_request(ask: Ask, key: IssuedKey) -> None:
    def counted() -> tuple[float, ...]:
        malformed = AUTH_FAILURES.labels("malformed-credential")._value.get()
        observed = sum(bucket.get() for bucket in STORE_SECONDS._buckets)
        return ALLOWED._value.get(), THROTTLED._value.get(), malformed, observed

    before = counted()
    for _ in range(7):
        check(ask, key.credential.reveal())
    check(ask, "nonsense")
    assert [after - was for was, after in zip(before, counted(), strict=True)] == [5, 2, 1, 7]


def test_wrong_secret_is_charged_to_address_not_key(ask: Ask, key: IssuedKey) -> None:
    statuses = [check(ask, with_wrong_secret(key.credential.reveal())).status for _ in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    assert check(ask, key.credential.reveal()).fields["x-ratelimit-remaining"] == "4"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/check"), ("GET", "/v1/whoami"), ("POST", "/v1/verify")])
def test_attempts_over_limit_are_not_looked_up(
    ask: Ask, method: str, path: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AUTH_FAILURE_LIMIT = '{"burst": 3, "per_seconds": 86400}'
    monkeypatch.setattr("apikeys.address_limit.LOOK_UP_SECONDS", 3600.0)
    unknown = LOOKUPS.labels("unknown")._value
    before = unknown.get()
    statuses = []
    for _ in range(12):
        fields = {"X-API-Key": f"{generate_key_id()}:{generate_secret()}", "Content-Type": "application/json"}
        statuses.append(ask(method, path, "", fields, b'{"credential": "x"}' if method == "POST" else b"").status)
    assert statuses == [401] * 3 + [429] * 9
    assert unknown.get() - before == 3 + 1 + LOOK_UP_BURST


def test_many_parameters_are_one_error(ask: Ask, key: IssuedKey) -> None:
    answer = check(ask, key.credential.reveal(), "&".join("x" * 2000))
    assert [error["code"] for error in answer.problem["errors"]] == ["too-many"]
