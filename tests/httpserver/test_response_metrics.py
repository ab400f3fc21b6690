"""Responses are counted by route and status, whichever part of the server gives them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import REGISTRY

from httpserver.response_metrics import FLUSH_SECONDS, BufferedResponses, counted
from tests.httpserver.wire import connect

SECONDS = "http_response_seconds"


def responses(route: str, status: int) -> float:
    """How many are counted."""
    return REGISTRY.get_sample_value("http_responses_total", {"route": route, "status": str(status)}) or 0.0


def took(route: str, name: str, **labels: str) -> float:
    """A value of the histogram."""
    return REGISTRY.get_sample_value(f"{SECONDS}_{name}", {"route": route, **labels}) or 0.0


@dataclass(frozen=True)
class Begun:
    started: float


@dataclass
class Later:
    """Timers that the test runs."""

    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __call__(self, seconds: float, flush: Callable[[], None]) -> None:
        self.due.append((seconds, flush))


@pytest.mark.parametrize(
    ("path", "route"),
    [("/v1/check", "/v1/check"), ("/v1/verify", "/v1/verify"), ("/health", "/health"), ("/v1/keys/lk_1", "other")],
)
def test_response_of_the_application_is_counted_at_its_start(path: str, route: str) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    before = responses(route, 503), took(route, "count")
    messages = [{"type": "http.response.start", "status": 503}, {"type": "http.response.body", "body": b""}]
    wrapped = counted({"path": path}, send, signs_in=False)
    for message in messages:
        asyncio.run(wrapped(message))  # type: ignore[arg-type]
    assert sent == messages
    assert (responses(route, 503), took(route, "count")) == (before[0] + 1, before[1] + 1)


def test_series_are_there_from_the_start() -> None:
    for route in ("/v1/check", "/v1/verify", "/health", "/admin/login/", "other"):
        for status in (204, 503):
            assert (
                REGISTRY.get_sample_value("http_responses_total", {"route": route, "status": str(status)}) is not None
            )


def test_unreadable_request_is_counted() -> None:
    protocol, _, _ = connect()
    before = responses("other", 400)
    protocol.data_received(b"nonsense\r\n\r\n")
    assert responses("other", 400) == before + 1


def test_batch_is_counted_at_once_and_those_that_follow_within_the_pause() -> None:
    later = Later()
    buffered = BufferedResponses("batch", later)
    buffered.other(429)
    buffered.answered([Begun(10.0), Begun(10.0001), Begun(10.0002)], 10.0004)
    assert (responses("batch", 204), responses("batch", 429), took("batch", "count")) == (2, 1, 3)
    assert took("batch", "bucket", le="0.0005") == 3
    assert took("batch", "sum") == pytest.approx(0.0009)

    for now in (10.05, 10.06):
        buffered.answered([Begun(10.0)], now)
    assert (responses("batch", 204), [seconds for seconds, _ in later.due]) == (2, [FLUSH_SECONDS])
    later.due[0][1]()
    assert (responses("batch", 204), took("batch", "bucket", le="0.1"), took("batch", "bucket", le="0.025")) == (
        4,
        5,
        3,
    )
    buffered.answered([Begun(10.07)], 10.07)
    assert len(later.due) == 2


def test_batch_that_took_long_is_spread_over_the_buckets() -> None:
    buffered = BufferedResponses("slow-batch", Later())
    buffered.answered([Begun(1.0), Begun(2.0), Begun(3.0)], 3.001)
    assert took("slow-batch", "bucket", le="0.001") == 1
    assert took("slow-batch", "bucket", le="1.0") == 1
    assert took("slow-batch", "bucket", le="2.5") == 3
    assert took("slow-batch", "sum") == pytest.approx(0.001 + 1.001 + 2.001)


def test_more_of_other_statuses_than_responses_keep_their_counts() -> None:
    buffered = BufferedResponses("more", Later())
    buffered.other(503)
    buffered.flush()
    assert (responses("more", 204), responses("more", 503)) == (0, 1)
