"""Fast path of /v1/check: batches, failures in a batch, and changes of cached keys."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from gateway.native import allow_responses
from gateway.native.endpoint import check_endpoint
from latchkey.auth_context import AuthContext
from latchkey.identity import identity_headers
from ratelimit.bucket import TakeRequest
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError
from ratelimit.stores.base import TakeResult
from tests.gateway.endpoints import (
    FakeReply,
    accepted_by_fast_path,
    by_fast_path,
    check,
    natively,
    no_threads,
    scope_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_cached_key_needs_no_query(key: IssuedKey) -> None:
    credential = key.credential.reveal()
    assert check(natively, credential).by == "application"
    with no_threads():
        assert [check(by_fast_path, credential).by for _ in range(6)] == ["fast path"] * 6
        for other in (None, "nonsense"):
            assert check(by_fast_path, other).by == "fast path"


def test_change_applies_to_next_request(key: IssuedKey, service: ConfigService) -> None:
    credential = key.credential.reveal()
    assert [check(by_fast_path, credential).status for _ in range(2)] == [204, 204]
    service.update(key.key.key_id, {"scopes": ["users:read"], "owner": "bo"})
    assert check(by_fast_path, credential, "scope=orders:read").status == 403
    assert check(by_fast_path, credential, "scope=users:read").fields["x-latchkey-owner"] == "bo"
    new = service.rotate(key.key.key_id, {"grace_seconds": 0}).credential.reveal()
    assert check(by_fast_path, credential).slug == "invalid-credential"
    assert check(by_fast_path, new).status == 204
    service.revoke(key.key.key_id)
    assert check(by_fast_path, new).slug == "revoked-key"


def one_iteration(*asked: tuple[str | None, str]) -> list[FakeReply]:
    """Send several requests in one event loop iteration. Return the replies, also those that were passed on."""

    async def ask_all() -> list[FakeReply]:
        replies = []
        for credential, query in asked:
            fields = {"X-API-Key": credential} if credential else {}
            replies.append(reply := FakeReply(scope_of("GET", "/v1/check", query, fields)))
            assert accepted_by_fast_path(reply)
            assert not reply.done.is_set()  # not before the end of the iteration
        for reply in replies:
            await asyncio.wait_for(reply.done.wait(), 10)
        return replies

    return asyncio.run(ask_all())


def first_lines(replies: list[FakeReply]) -> list[str]:
    return [(reply.whole or b"passed on").split(b"\r\n")[0].decode() for reply in replies]


ALLOWED_LINE, FAILED_LINE = "HTTP/1.1 204 No Content", "HTTP/1.1 500 Internal Server Error"


def test_failure_affects_only_its_request(
    key: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = service.issue({"label": "poison"})
    credentials = [it.credential.reveal() for it in (poison, key)]
    for credential in credentials:
        assert check(natively, credential).status == 204

    def broken(auth: AuthContext) -> list[tuple[str, str]]:
        return [("x", "a\r\nb")] if auth.key_id == poison.key.key_id else identity_headers(auth)

    monkeypatch.setattr("gateway.native.allow_responses.identity_headers", broken)
    allow_responses._by_key_id.clear()
    replies = one_iteration((credentials[0], ""), (credentials[1], ""), (None, ""), (credentials[1], ""))
    assert first_lines(replies) == [FAILED_LINE, ALLOWED_LINE, "HTTP/1.1 401 Unauthorized", ALLOWED_LINE]
    assert check(by_fast_path, credentials[1]).fields["x-ratelimit-remaining"] == "1"


def test_database_values_cannot_inject_fields(key: IssuedKey) -> None:
    evil = ["a:b\r\nX-Latchkey-Owner: root", "✓:x"]
    APIKey.objects.filter(pk=key.key.pk).update(scopes=evil, owner="a\r\nX-Evil: 1")
    for _ in range(2):
        answer = check(by_fast_path, key.credential.reveal())
        assert answer.status == 204
        assert "x-evil" not in answer.fields
        assert answer.fields["x-latchkey-owner"].startswith("a%0D%0AX-Evil")
        assert answer.fields["x-latchkey-scopes"].startswith("a:b%0D%0AX-Latchkey-Owner: root")
    assert answer.by == "fast path"


def test_store_failure_for_one_charges_others_once(key: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    credential = key.credential.reveal()
    assert check(natively, credential).status == 204
    store = default_limiter().store
    real = store.take_many

    def fail_for_the_second(asked: Sequence[TakeRequest], policy: int) -> list[TakeResult]:
        return [BucketStoreError("gone") if place == 1 else real([one])[0] for place, one in enumerate(asked)]

    with monkeypatch.context() as patch:
        patch.setattr(store, "take_many", fail_for_the_second)
        replies = one_iteration((credential, ""), (credential, ""), (credential, ""))
    assert first_lines(replies) == [ALLOWED_LINE, "HTTP/1.1 503 Service Unavailable", ALLOWED_LINE]
    assert check(by_fast_path, credential).fields["x-ratelimit-remaining"] == "1"


def test_store_failure_for_all_goes_to_application(key: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    credential = key.credential.reveal()
    assert check(natively, credential).status == 204
    with monkeypatch.context() as patch:
        patch.setattr(default_limiter().store, "take_many", lambda *_: (_ for _ in ()).throw(BucketStoreError("gone")))
        assert first_lines(one_iteration((credential, ""), (None, ""))) == ["passed on", "HTTP/1.1 401 Unauthorized"]
    assert check(by_fast_path, credential).fields["x-ratelimit-remaining"] == "3"


def test_large_batch_is_decided_in_parts(service: ConfigService) -> None:
    many = service.issue({"label": "many", "rate_limit": {"burst": 150, "per_seconds": 86400}}).credential.reveal()
    assert check(natively, many).status == 204
    assert Counter(first_lines(one_iteration(*[(many, "")] * 200))) == {
        ALLOWED_LINE: 149,
        "HTTP/1.1 429 Too Many Requests": 51,
    }


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
