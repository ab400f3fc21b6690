"""A crowd of credentials that the worker does not know: queries that they share, and others that go first."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from pytest_django import Settings

from apikeys.authenticator import Authenticator, default_authenticator
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.pending_authentication import AuthenticationResult
from gateway.native import lookups, metrics
from latchkey.credentials import Credential, generate_key_id, generate_secret
from tests.gateway.endpoints import FakeReply, accepted_by_fast_path, natively, scope_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh_gate(settings: Settings) -> Iterator[None]:
    settings.AUTH_FAILURE_LIMIT = '{"burst": 100000, "per_seconds": 1}'
    for made in (metrics.loop_authenticator, default_authenticator):
        made.cache_clear()
    yield
    for made in (metrics.loop_authenticator, default_authenticator):
        made.cache_clear()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many credentials each round looks up."""
    sizes: list[int] = []
    authenticate_batch = Authenticator.authenticate_batch

    def counted(authenticator: Authenticator, asked: Sequence[tuple[Credential, str]]) -> list[AuthenticationResult]:
        sizes.append(len(asked))
        return authenticate_batch(authenticator, asked)

    monkeypatch.setattr(Authenticator, "authenticate_batch", counted)
    return sizes


@pytest.fixture
def key(service: ConfigService) -> IssuedKey:
    return service.issue({"label": "customer", "rate_limit": {"burst": 5, "per_seconds": 3600}})


def unknown() -> str:
    return Credential(generate_key_id(), generate_secret()).reveal()


class Crowd:
    """Requests of one turn of the event loop, by place, and the order of their answers."""

    def __init__(self, credentials: list[str]) -> None:
        self.replies = [FakeReply(scope_of("GET", "/v1/check", "", {"X-API-Key": one})) for one in credentials]
        self.order: list[int] = []

    def statuses(self) -> Counter[bytes]:
        return Counter((reply.whole or b"")[9:12] for reply in self.replies)

    def come(self) -> "Crowd":
        asyncio.run(self._come())
        return self

    async def _come(self) -> None:
        async def wait(place: int) -> None:
            await self.replies[place].done.wait()
            self.order.append(place)

        waiting = [asyncio.create_task(wait(place)) for place in range(len(self.replies))]
        await asyncio.sleep(0)
        assert all(map(accepted_by_fast_path, self.replies))
        await asyncio.gather(*waiting)


def test_waiting_requests_share_lookup(batches: list[int]) -> None:
    crowd = Crowd([unknown() for _ in range(1 + 3 * lookups.MAX_BATCH)]).come()
    assert crowd.statuses() == {b"401": len(crowd.replies)}
    assert batches == [lookups.MAX_BATCH] * 3 + [1]


def test_single_request_does_not_wait(batches: list[int], key: IssuedKey) -> None:
    assert Crowd([key.credential.reveal()]).come().statuses() == {b"204": 1}
    assert batches == [1]


def test_cached_key_does_not_wait_for_lookups(key: IssuedKey) -> None:
    known = key.credential.reveal()
    Crowd([known]).come()
    crowd = Crowd([*(unknown() for _ in range(200)), known]).come()
    assert crowd.order[0] == 200


def test_only_valid_key_of_many_is_allowed(key: IssuedKey) -> None:
    right = key.credential.reveal()
    wrong = f"{key.key.key_id}:{generate_secret()}"
    damaged = right[:-1] + ("a" if right[-1] != "a" else "b")
    crowd = Crowd([unknown(), wrong, right, wrong, damaged, unknown()]).come()
    assert [(reply.whole or b"")[9:12] for reply in crowd.replies] == [b"401", b"401", b"204", b"401", b"401", b"401"]
    assert b"malformed-credential" in (crowd.replies[4].whole or b"")


def test_full_queue_rejects_and_continues(monkeypatch: pytest.MonkeyPatch, batches: list[int]) -> None:
    monkeypatch.setattr(lookups, "MAX_WAITING", 10)
    crowd = Crowd([unknown() for _ in range(40)]).come()
    assert crowd.statuses() == {b"401": 10, b"503": 30}
    assert batches == [10]
    assert Crowd([unknown()]).come().statuses() == {b"401": 1}


def test_other_calls_share_queue(batches: list[int], key: IssuedKey) -> None:
    body = b"a body, so that the application answers"
    assert natively("GET", "/v1/check", "", {"X-API-Key": unknown()}, body).status == 401
    assert (
        natively("POST", "/v1/verify", "", {"X-API-Key": unknown(), "Content-Type": "application/json"}).status == 401
    )
    assert batches == [1, 1]
    assert natively("GET", "/v1/check", "", {"X-API-Key": key.credential.reveal()}, body).status == 204


def test_unexpected_error_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[AuthenticationResult]:
        raise RuntimeError("nobody foresaw that")

    monkeypatch.setattr(Authenticator, "authenticate_batch", fail)
    assert Crowd([unknown() for _ in range(3)]).come().statuses() == {b"500": 3}
