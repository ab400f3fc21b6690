"""Fast-path response metrics: only responses that the fast path sends itself, by final status."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from gateway.check_parameters import CheckParameters
from gateway.native import check_responses, endpoint
from gateway.native.check_responses import delayed, respond_all
from gateway.native.pending_check import PendingCheck
from httpserver.response_metrics import CHECK_PATH, BufferedResponses
from latchkey.credentials import MalformedCredential


def responses(status: int) -> float:
    """How many are counted."""
    return REGISTRY.get_sample_value("http_responses_total", {"route": CHECK_PATH, "status": str(status)}) or 0.0


def slow() -> float:
    """How many took up to 2.5 s."""
    return REGISTRY.get_sample_value("http_response_seconds_bucket", {"route": CHECK_PATH, "le": "2.5"}) or 0.0


@dataclass
class Reply:
    """A reply of the fast path."""

    scope: dict[str, Any]
    date: bytes = b"Sat, 21 Nov 2026 12:00:00 GMT"
    body: bytes = b""
    passed_on: bool = False
    is_lost: bool = False
    given_up: bool = False

    def respond(self, response: bytes) -> None:
        """Sends it."""
        if self.is_lost:
            raise OSError("the transport failed")

    def delegate(self) -> None:
        self.passed_on = True

    def abort(self) -> None:
        assert self.is_lost
        self.given_up = True


def _asked(
    started: float,
    error: Exception | None,
    *,
    looked_up: bool = False,
    is_lost: bool = False,
    allow_as_ok: bool = False,
    verified: Any = None,
) -> PendingCheck:
    scope = {
        "type": "http",
        "method": "GET",
        "path": CHECK_PATH,
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.1", 1),
    }
    return PendingCheck(
        Reply(scope, is_lost=is_lost),
        started,
        b"id",
        CheckParameters(allow_as_ok=allow_as_ok),
        verified,
        error,
        looked_up,
    )


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[int, float]]:
    """Answers a batch, and returns the responses that this counted, by status."""
    counts = BufferedResponses(CHECK_PATH, lambda *_: None)
    monkeypatch.setattr(check_responses, "CHECK_RESPONSES", counts)
    monkeypatch.setattr(check_responses, "perf_counter", lambda: 8.0)
    monkeypatch.setattr(endpoint, "log_request", lambda **_: None)

    def answer(batch: list[PendingCheck], charges: list[Any]) -> dict[int, float]:
        before = {status: responses(status) for status in (200, 204, 401, 500, 503)}
        respond_all(batch, charges)
        counts.flush()
        return {status: many for status in before if (many := responses(status) - before[status])}

    return answer


def test_only_own_responses_are_counted(
    answered: Callable[..., dict[int, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that was looked up began before others of its batch; one that is passed on is counted elsewhere."""
    monkeypatch.setattr(delayed, "waiting", 1)
    before = slow()
    refused = MalformedCredential("No.")
    batch = [_asked(7.9, None), _asked(7.9, refused), _asked(1.0, TimeoutError("away"), looked_up=True)]
    assert answered(batch, [None, None, None]) == {401: 1, 503: 1}
    assert slow() - before == 1
    assert delayed.waiting == 0


def test_unsent_response_is_not_counted(answered: Callable[..., dict[int, float]]) -> None:
    refused = MalformedCredential("No.")
    batch = [_asked(7.9, refused, is_lost=True), _asked(7.9, refused)]
    assert answered(batch, [None, None]) == {401: 1}


def test_failed_log_line_counts_as_500(
    answered: Callable[..., dict[int, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = SimpleNamespace(record=SimpleNamespace(auth=SimpleNamespace(key_id="lk_0123456789ab")))
    monkeypatch.setattr(endpoint, "LOGGED", frozenset(["lk_0123456789ab"]))
    monkeypatch.setattr(check_responses, "precomputed_of", lambda _: SimpleNamespace(countdown=SimpleNamespace(left=9)))
    monkeypatch.setattr(check_responses, "allow_response", lambda *_: b"HTTP/1.1 200 OK\r\n\r\n")
    passing = _asked(7.9, None, allow_as_ok=True, verified=key)
    assert answered([passing], [object()]) == {200: 1}
    monkeypatch.setattr(check_responses, "_log_allowed", lambda *_: 1 / 0)
    assert answered([passing], [object()]) == {500: 1}
