"""The fast path of /v1/verify: which requests it takes over, and what it does if something fails."""

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import REGISTRY

from apikeys.config_service import ConfigService, IssuedKey
from gateway.native import endpoint, verify_fast_path
from httpserver.response_metrics import VERIFY_RESPONSES
from tests.gateway.endpoints import Answered, FakeReply, accepted_by_fast_path, by_fast_path, natively, scope_of

pytestmark = pytest.mark.django_db(transaction=True)
JSON = {"Content-Type": "application/json"}


def body_about(key: IssuedKey) -> bytes:
    return json.dumps({"credential": key.credential.reveal()}).encode()


@pytest.fixture
def fields(root: IssuedKey, key: IssuedKey) -> dict[str, str]:
    """The fields of a call by a service that this process knows, about a key that it knows."""
    found = {"X-API-Key": root.credential.reveal(), **JSON}
    assert natively("POST", "/v1/verify", "", found, body_about(key)).status == 200
    return found


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_plain_calls_are_taken_over(fields: dict[str, str], key: IssuedKey, accept: str) -> None:
    answer = by_fast_path(
        "POST", "/v1/verify", "", {**fields, "Accept": accept, "X-Request-Id": "one"}, body_about(key)
    )
    assert (answer.by, answer.status, answer.fields["x-request-id"]) == ("fast path", 200, "one")
    assert (answer.fields["cache-control"], answer.fields["content-type"]) == ("no-store", "application/json")
    assert len(by_fast_path("POST", "/v1/verify", "", fields, body_about(key)).fields["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("method", "query", "more"),
    [
        ("GET", "", {}),
        ("POST", "a=1", {}),
        ("POST", "", {"Content-Type": "application/json; charset=utf-8"}),
        ("POST", "", {"Accept": "text/html"}),
        ("POST", "", {"X_API_Key": "dropped"}),
        ("POST", "", {"X-API-Key": "lk_unknown"}),
    ],
)
def test_other_calls_are_left_to_the_application(
    fields: dict[str, str], key: IssuedKey, method: str, query: str, more: dict[str, str]
) -> None:
    scope = scope_of(method, "/v1/verify", query, {**fields, **more})
    assert not accepted_by_fast_path(FakeReply(scope, body_about(key)))


def test_a_service_without_the_scope_pays_once(key: IssuedKey, service: ConfigService) -> None:
    caller = service.issue({"label": "orders", "rate_limit": {"burst": 9, "per_seconds": 3600}})
    sent = {"X-API-Key": caller.credential.reveal(), **JSON}
    found = [by_fast_path("POST", "/v1/verify", "", sent, body_about(key)) for _ in range(2)]
    assert [(answer.slug, answer.fields["x-ratelimit-remaining"]) for answer in found] == [
        ("insufficient-scope", "8"), ("insufficient-scope", "7"),
    ]  # fmt: skip


def failing(*_: object, **__: object) -> Any:
    raise RuntimeError("a bug")


def test_an_unexpected_error_is_a_problem(
    fields: dict[str, str], key: IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_fast_path, "verify_response", failing)
    answer = by_fast_path("POST", "/v1/verify", "", fields, body_about(key))
    assert (answer.by, answer.status, answer.slug) == ("fast path", 500, "internal-error")


def test_a_thread_that_never_responds_is_a_503(
    fields: dict[str, str], key: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck:
        async def run(self, _work: object) -> object:
            raise TimeoutError

    monkeypatch.setattr(endpoint, "THREADS", Stuck())
    # The event loop notices the change as it takes the token, when the service has already paid.
    service.update(key.key.key_id, {"owner": "bo"})
    answer = by_fast_path("POST", "/v1/verify", "", fields, body_about(key))
    assert (answer.by, answer.status, answer.slug) == ("fast path", 503, "unavailable")


def test_a_response_that_is_not_sent_ends_the_connection(fields: dict[str, str], key: IssuedKey) -> None:
    class Lost(FakeReply):
        given_up = False

        def respond(self, response: bytes) -> None:
            raise OSError("the transport failed")

        def abort(self) -> None:
            self.given_up = True

    reply = Lost(scope_of("POST", "/v1/verify", "", fields), body_about(key))

    async def ask() -> bool:
        return accepted_by_fast_path(reply)

    assert asyncio.run(ask())
    assert reply.given_up


def test_responses_are_counted_by_status(fields: dict[str, str], key: IssuedKey) -> None:
    def counted(status: int) -> float:
        labels = {"route": "/v1/verify", "status": str(status)}
        return REGISTRY.get_sample_value("http_responses_total", labels) or 0.0

    def ask(body: bytes) -> Answered:
        return by_fast_path("POST", "/v1/verify", "", fields, body)

    VERIFY_RESPONSES.flush()
    before = [counted(status) for status in (200, 400)]
    for body in (body_about(key), b"{", body_about(key)):
        assert ask(body).by == "fast path"
    VERIFY_RESPONSES.flush()
    assert [counted(status) for status in (200, 400)] == [before[0] + 2, before[1] + 1]
