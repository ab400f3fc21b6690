"""/v1/check: one table of cases, which every door has to answer alike."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
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
from gateway.native import allow_responses, metrics
from gateway.native.check_head import credential_and_request_id
from gateway.native.endpoint import check_endpoint
from latchkey.auth_context import AuthContext
from latchkey.credentials import generate_key_id, generate_secret
from latchkey.identity import identity_fields
from ratelimit.bucket import TakeRequest
from ratelimit.limiter import default_limiter
from ratelimit.metrics import ALLOWED, STORE_SECONDS, THROTTLED
from ratelimit.stores import BucketStoreError
from ratelimit.stores.base import Taken
from tests.conftest import Caller
from tests.gateway.endpoints import (
    Answered,
    FakeReply,
    asks_at_once,
    at_once,
    by_django,
    natively,
    no_threads,
    scope_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

DOORS = {"django": by_django, "native": natively, "at_once": at_once}
Ask = Callable[..., Answered]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@pytest.fixture(autouse=True)
def fresh_door() -> None:
    """The native door begins as in a new process."""
    metrics.loop_authenticator.cache_clear()


@pytest.fixture(params=DOORS)
def ask(request: pytest.FixtureRequest) -> Ask:
    """One of the doors."""
    door: Ask = DOORS[request.param]
    return door


@pytest.fixture
def key(service: ConfigService) -> IssuedKey:
    return service.issue(
        {
            "label": "customer", "owner": "Zoë & co. 100%", "scopes": ["orders:*", "users:read"],
            "rate_limit": {"burst": 5, "per_seconds": 3600},
        }
    )  # fmt: skip


def check(ask: Ask, credential: str | None, query: str = "", method: str = "GET", **more: str) -> Answered:
    fields = {**({"X-API-Key": credential} if credential is not None else {}), **more}
    return ask(method, "/v1/check", query, fields)


@dataclass(frozen=True)
class Case:
    """What is done to the key, what is asked with which credential, and what is to come of it."""

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


def _of_another(right: str) -> str:
    return f"{right.partition(':')[0]}:{generate_secret()}"


CASES = [
    Case("valid", 204),
    Case("scope", 204, query="scope=orders:read", scopes=("orders:read",)),
    Case("scopes", 204, query="scope=orders:read&scope=users:read", scopes=("orders:read", "users:read")),
    Case("scopes in one", 204, query="scope=orders:read+users:read", scopes=("orders:read", "users:read")),
    Case("missing scope", 403, "insufficient-scope", "INSUFFICIENT_SCOPE", "scope=users:write", scopes=("users:write",)),
    Case("cost", 204, query="cost=5", cost=5),
    Case("cost above burst", 403, "limit-too-small", "", "cost=6", cost=6),
    Case("wrong secret", 401, "invalid-credential", "INVALID", credential=_of_another),
    Case("unknown key", 401, "invalid-credential", "INVALID", credential=lambda _: f"{generate_key_id()}:{generate_secret()}"),
    Case("checksum", 401, "malformed-credential", "INVALID", credential=lambda right: right[:-1] + ("a" if right[-1] != "a" else "b")),
    Case("nonsense", 401, "malformed-credential", "INVALID", credential=lambda _: "nonsense"),
    Case("disabled", 401, "disabled-key", "DISABLED", change={"enabled": False}),
    Case("expired", 401, "expired-key", "EXPIRED", expired=True),
    Case("revoked", 401, "revoked-key", "REVOKED", revoked=True),
]  # fmt: skip


def prepare(case: Case, key: IssuedKey, service: ConfigService) -> str:
    """Brings the key into the case's state; the credential to ask with."""
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
    elif case.status in (204, 403):
        assert answer.fields["x-ratelimit-remaining"] == str(5 - case.cost)
        assert answer.fields["ratelimit-policy"] == '"key";q=5;w=3600'
    if case.status == 401:
        assert answer.fields["www-authenticate"] == 'Bearer realm="Latchkey"'
        assert "ratelimit" not in answer.fields


@pytest.mark.parametrize("case", [case for case in CASES if case.code], ids=lambda case: case.name)
@pytest.mark.parametrize("verify", [by_django, natively], ids=["django", "native"])
def test_verify_returns_same_result(verify: Ask, case: Case, key: IssuedKey, service: ConfigService) -> None:
    asker = service.issue({"label": "shop", "scopes": ["verify"]}).credential.reveal()
    credential = prepare(case, key, service)
    body = json.dumps({"credential": credential, "scopes": case.scopes, "cost": case.cost}).encode()
    answer = verify("POST", "/v1/verify", "", {"X-API-Key": asker, "Content-Type": "application/json"}, body)
    told = json.loads(answer.body)
    assert (answer.status, told["code"], told["valid"]) == (200, case.code, case.code == "VALID")
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
        method != "HEAD" or (ask is not at_once and bool(refused.body)),
    )


@pytest.mark.parametrize("method", ["PROPFIND", "BREW"])
def test_method_unknown_to_django(key: IssuedKey, method: str) -> None:
    assert check(at_once, key.credential.reveal(), method=method).status == 204
    assert check(natively, key.credential.reveal(), method=method).status == 204


def test_body_is_ignored(ask: Ask, key: IssuedKey) -> None:
    answer = ask("POST", "/v1/check", "", {"X-API-Key": key.credential.reveal()}, b"{not json")
    assert answer.status == 204


def test_rate_limit_exceeded(ask: Ask, key: IssuedKey) -> None:
    credential = key.credential.reveal()
    assert [check(ask, credential).status for _ in range(6)] == [204] * 5 + [429]
    answer = check(ask, credential, "scope=users:write")  # the limit is judged before the scope
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
    two = check(ask, credential, "deny=403", Authorization=f"Bearer {_of_another(credential)}")
    assert (two.status, two.fields["x-latchkey-status"], two.slug) == (403, "400", "ambiguous-credential")


BASIC_OF_SERVICE = "Basic " + base64.b64encode(b"alice:pw").decode()
JWT = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"
AWS4 = "AWS4-HMAC-SHA256 Credential=A/1/eu/s3/aws4_request, SignedHeaders=host, Signature=0"
# What is sent as X-API-Key and as Authorization (None: not at all), where CRED is the key's credential, and the answer.
FIELDS = [
    ("CRED", None, 204, ""),
    (None, "Bearer CRED", 204, ""),
    ("CRED", "Bearer CRED", 204, ""),
    ("CRED", JWT, 204, ""),
    ("CRED", BASIC_OF_SERVICE, 204, ""),
    ("CRED", AWS4, 204, ""),
    ("CRED", "", 204, ""),
    ("", "Bearer CRED", 204, ""),
    ("", "Basic BASE64", 204, ""),
    ("another product's key", "Bearer CRED", 204, ""),
    ("CRED", "Bearer OTHER", 400, "ambiguous-credential"),
    ("CRED,OTHER", None, 400, "ambiguous-credential"),
    ("CRED,nonsense", JWT, 400, "ambiguous-credential"),
    ("", None, 401, "missing-credential"),
    ("", AWS4, 401, "missing-credential"),
    (None, JWT, 401, "malformed-credential"),
    ("", BASIC_OF_SERVICE, 401, "malformed-credential"),
    ("nonsense", JWT, 401, "malformed-credential"),
    ('"CRED"', None, 401, "malformed-credential"),
    ('"CRED"', "Bearer CRED", 204, ""),
]


@pytest.mark.parametrize("warm", [True, False], ids=["in memory", "not in memory"])
@pytest.mark.parametrize(("api_key", "authorization", "status", "slug"), FIELDS)
def test_pairs_of_credential_fields(
    ask: Ask, api_key: str | None, authorization: str | None, status: int, slug: str, warm: bool, key: IssuedKey
) -> None:
    credential = key.credential.reveal()
    words = {
        "CRED": credential,
        "OTHER": _of_another(credential),
        "BASE64": base64.b64encode(credential.encode()).decode(),
    }
    fields = {"X-API-Key": api_key, "Authorization": authorization}
    for word, meant in words.items():
        fields = {name: value and value.replace(word, meant) for name, value in fields.items()}
    if warm:
        assert check(ask, credential).status == 204
    answer = ask("GET", "/v1/check", "", {name: value for name, value in fields.items() if value is not None})
    assert (answer.status, answer.slug) == (status, slug)
    assert key.credential.secret not in answer.body.decode()


@pytest.mark.parametrize(
    ("authorization", "is_plain"), [(JWT, True), (f"{JWT},Bearer x", False), ("Bearer lk_x", False), (AWS4, False)]
)
def test_fast_path_ignores_token_of_service(authorization: str, is_plain: bool, key: IssuedKey) -> None:
    """What may hold a credential of ours is left to the whole rule."""
    fields = [(b"x-api-key", key.credential.reveal().encode()), (b"authorization", authorization.encode())]
    for ordered in (fields, fields[::-1]):
        assert credential_and_request_id(ordered)[0] == (key.credential if is_plain else None)


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
    "fields",
    [
        lambda c: {"X-API-Key": c},
        lambda c: {"Authorization": f"Bearer {c}"},
        lambda c: {"Authorization": f"bearer  {c} "},
        lambda c: {"Authorization": "Basic " + base64.b64encode(c.encode()).decode()},
        lambda c: {"X-API-Key": f"{c}, {c}"},
        lambda c: {"X-API-Key": c, "Authorization": f"Bearer {c}"},
        lambda c: {"X-API-Key": c, "Authorization": "Digest username=x"},
    ],
    ids=["key", "bearer", "spaces", "basic", "twice", "both", "another scheme"],
)
def test_every_way_to_send_a_credential(ask: Ask, key: IssuedKey, fields: Callable[[str], dict[str, str]]) -> None:
    assert ask("GET", "/v1/check", "", fields(key.credential.reveal())).status == 204


@pytest.mark.parametrize("value", ["{}", "Token {}", "Bearer{}", "Digest {}"], ids=str)
def test_other_scheme_is_no_credential(ask: Ask, key: IssuedKey, value: str) -> None:
    answer = ask("GET", "/v1/check", "", {"Authorization": value.format(key.credential.reveal())})
    assert (answer.status, answer.slug) == (401, "missing-credential")


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


def test_cached_key_needs_no_query(key: IssuedKey) -> None:
    credential = key.credential.reveal()
    assert check(natively, credential).by == "application"
    with no_threads():
        assert [check(at_once, credential).by for _ in range(6)] == ["at once"] * 6
        for other in (None, "nonsense"):
            assert check(at_once, other).by == "at once"


def test_change_applies_to_next_request(key: IssuedKey, service: ConfigService) -> None:
    credential = key.credential.reveal()
    assert [check(at_once, credential).status for _ in range(2)] == [204, 204]
    service.update(key.key.key_id, {"scopes": ["users:read"], "owner": "bo"})
    assert check(at_once, credential, "scope=orders:read").status == 403
    assert check(at_once, credential, "scope=users:read").fields["x-latchkey-owner"] == "bo"
    new = service.rotate(key.key.key_id, {"grace_seconds": 0}).credential.reveal()
    assert check(at_once, credential).slug == "invalid-credential"
    assert check(at_once, new).status == 204
    service.revoke(key.key.key_id)
    assert check(at_once, new).slug == "revoked-key"


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
    statuses = [check(ask, _of_another(key.credential.reveal())).status for _ in range(22)]
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


def turn(*asked: tuple[str | None, str]) -> list[FakeReply]:
    """Asks several in one turn of the event loop: the replies, those that were passed on without an answer."""

    async def ask_all() -> list[FakeReply]:
        replies = []
        for credential, query in asked:
            fields = {"X-API-Key": credential} if credential else {}
            replies.append(reply := FakeReply(scope_of("GET", "/v1/check", query, fields)))
            assert asks_at_once(reply)
            assert not reply.done.is_set()  # not before the end of the turn
        for reply in replies:
            await asyncio.wait_for(reply.done.wait(), 10)
        return replies

    return asyncio.run(ask_all())


def first_lines(replies: list[FakeReply]) -> list[str]:
    return [(reply.whole or b"passed on").split(b"\r\n")[0].decode() for reply in replies]


PASSES, FAILS = "HTTP/1.1 204 No Content", "HTTP/1.1 500 Internal Server Error"


def test_failure_affects_only_its_request(
    key: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = service.issue({"label": "poison"})
    credentials = [it.credential.reveal() for it in (poison, key)]
    for credential in credentials:
        assert check(natively, credential).status == 204

    def broken(auth: AuthContext) -> list[tuple[str, str]]:
        return [("x", "a\r\nb")] if auth.key_id == poison.key.key_id else identity_fields(auth)

    monkeypatch.setattr("gateway.native.allow_responses.identity_fields", broken)
    allow_responses._by_key_id.clear()
    replies = turn((credentials[0], ""), (credentials[1], ""), (None, ""), (credentials[1], ""))
    assert first_lines(replies) == [FAILS, PASSES, "HTTP/1.1 401 Unauthorized", PASSES]
    assert check(at_once, credentials[1]).fields["x-ratelimit-remaining"] == "1"


def test_database_values_cannot_inject_fields(key: IssuedKey) -> None:
    evil = ["a:b\r\nX-Latchkey-Owner: root", "✓:x"]
    APIKey.objects.filter(pk=key.key.pk).update(scopes=evil, owner="a\r\nX-Evil: 1")
    for _ in range(2):
        answer = check(at_once, key.credential.reveal())
        assert answer.status == 204
        assert "x-evil" not in answer.fields
        assert answer.fields["x-latchkey-owner"].startswith("a%0D%0AX-Evil")
        assert answer.fields["x-latchkey-scopes"].startswith("a:b%0D%0AX-Latchkey-Owner: root")
    assert answer.by == "at once"


def test_store_failure_for_one_charges_others_once(key: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    credential = key.credential.reveal()
    assert check(natively, credential).status == 204
    store = default_limiter().store
    real = store.take_many

    def fail_for_the_second(asked: Sequence[TakeRequest]) -> list[Taken]:
        return [BucketStoreError("gone") if place == 1 else real([one])[0] for place, one in enumerate(asked)]

    with monkeypatch.context() as patch:
        patch.setattr(store, "take_many", fail_for_the_second)
        replies = turn((credential, ""), (credential, ""), (credential, ""))
    assert first_lines(replies) == [PASSES, "HTTP/1.1 503 Service Unavailable", PASSES]
    assert check(at_once, credential).fields["x-ratelimit-remaining"] == "1"


def test_store_failure_for_all_goes_to_application(key: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    credential = key.credential.reveal()
    assert check(natively, credential).status == 204
    with monkeypatch.context() as patch:
        patch.setattr(default_limiter().store, "take_many", lambda _: (_ for _ in ()).throw(BucketStoreError("gone")))
        assert first_lines(turn((credential, ""), (None, ""))) == ["passed on", "HTTP/1.1 401 Unauthorized"]
    assert check(at_once, credential).fields["x-ratelimit-remaining"] == "3"


def test_large_batch_is_decided_in_parts(service: ConfigService) -> None:
    many = service.issue({"label": "many", "rate_limit": {"burst": 150, "per_seconds": 86400}}).credential.reveal()
    assert check(natively, many).status == 204
    assert Counter(first_lines(turn(*[(many, "")] * 200))) == {PASSES: 149, "HTTP/1.1 429 Too Many Requests": 51}


def test_disconnect_during_body_is_not_charged(key: IssuedKey) -> None:
    async def leave() -> list[object]:
        sent: list[object] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.disconnect"}

        async def send(message: object) -> None:
            sent.append(message)

        fields = {"X-API-Key": key.credential.reveal(), "Content-Length": "1000"}
        await check_endpoint(scope_of("POST", "/v1/check", "", fields), receive, send)
        return sent

    assert asyncio.run(leave()) == []
    assert check(natively, key.credential.reveal()).fields["x-ratelimit-remaining"] == "4"


def test_many_parameters_are_one_error(ask: Ask, key: IssuedKey) -> None:
    answer = check(ask, key.credential.reveal(), "&".join("x" * 2000))
    assert [error["code"] for error in answer.problem["errors"]] == ["too-many"]


def test_verify_requires_scope(key: IssuedKey, service: ConfigService) -> None:
    for door in (by_django, natively):
        fields = {"X-API-Key": key.credential.reveal(), "Content-Type": "application/json"}
        answer = door("POST", "/v1/verify", "", fields, b'{"credential": "x"}')
        assert (answer.status, answer.slug) == (403, "insufficient-scope")


@pytest.mark.parametrize("body", [b"", b"{", b'{"credential": 1}', b"[]", b'{"credential": "x", "cost": 0}'])
def test_verify_rejects_same_bodies(root: IssuedKey, body: bytes) -> None:
    fields = {"X-API-Key": root.credential.reveal(), "Content-Type": "application/json"}
    one, other = (door("POST", "/v1/verify", "", fields, body) for door in (by_django, natively))
    assert (one.status, one.slug, one.problem.get("errors")) == (other.status, other.slug, other.problem.get("errors"))


@pytest.mark.parametrize("door", [by_django, natively], ids=["django", "native"])
def test_verify_takes_no_query(root: IssuedKey, door: Ask) -> None:
    fields = {"X-API-Key": root.credential.reveal(), "Content-Type": "application/json"}
    answer = door("POST", "/v1/verify", "cost=2", fields, b'{"credential": "x"}')
    assert (answer.status, [error["pointer"] for error in answer.problem["errors"]]) == (422, ["/cost"])


def test_unusual_verify_calls_go_to_django(api: Caller, root: IssuedKey) -> None:
    fields = {"X-API-Key": root.credential.reveal()}
    assert natively("GET", "/v1/verify", "", fields).status == 405
    assert natively("POST", "/v1/verify", "", {**fields, "Content-Type": "text/plain"}, b"x").status == 415
    assert natively("POST", "/v1/verify", "", {**fields, "Accept": "text/html"}, b"x").status in (406, 415)
