"""HTTP response metrics: count by route and status, and duration by route, over everything that the server answers."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from time import perf_counter
from typing import Final, Protocol

from prometheus_client import Counter, Histogram

from httpserver.asgi_types import Message, Scope, Send
from latchkey import metric_names
from latchkey.buffered_metrics import BufferedHistogram

FLUSH_SECONDS: Final = 0.1
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CHECK_PATH: Final = "/v1/check"
VERIFY_PATH: Final = "/v1/verify"
SIGN_IN_PATH: Final = "/admin/login/"
OTHER_ROUTE: Final = "other"

# Only these paths are labels: one label per path would let clients create an unlimited number of series.
_ROUTES: Final = frozenset((CHECK_PATH, VERIFY_PATH, "/health", SIGN_IN_PATH))
_EXPECTED: Final = (200, 204, 401, 403, 429, 500, 503)

RESPONSES: Final = Counter(metric_names.HTTP_RESPONSES, "HTTP responses, by route and status.", ["route", "status"])
SECONDS: Final = Histogram(
    metric_names.HTTP_RESPONSE_SECONDS,
    "Seconds from a request's header to the start of its response, by route.",
    ["route"],
    buckets=BUCKETS,
)
for _route in (*_ROUTES, OTHER_ROUTE):
    SECONDS.labels(_route)
    for _status in _EXPECTED:
        # Create the series at startup: Prometheus can't see the increase of a series that starts at 1.
        RESPONSES.labels(_route, _status)


def counting_send(scope: Scope, send: Send, *, is_sign_in: bool) -> Send:
    """Return a `send` that also counts the response when it starts. The duration is measured from now on.

    With `is_sign_in`, the response counts as a sign-in, whatever its path.
    """
    began = perf_counter()

    async def send_and_count(message: Message) -> None:
        if message["type"] == "http.response.start":
            path = SIGN_IN_PATH if is_sign_in else scope["path"]
            route = path if path in _ROUTES else OTHER_ROUTE
            RESPONSES.labels(route, message["status"]).inc()
            SECONDS.labels(route).observe(perf_counter() - began)
        await send(message)

    return send_and_count


def count_rejection(status: int) -> None:
    """Count the response to a request whose header could not be parsed."""
    RESPONSES.labels(OTHER_ROUTE, status).inc()


class TimedRequest(Protocol):
    """A request that started at `started`, by perf_counter."""

    @property
    def started(self) -> float: ...


class BufferedResponses:
    """Buffered metrics of a hot route, on which counting a response would cost more than deciding the request.

    They are written at most every FLUSH_SECONDS. If a worker is killed, that much is lost. A response counts as
    `usual` unless `record_status` was called. Not thread-safe: use it on the event loop's thread only.
    """

    def __init__(self, route: str, call_later: Callable[[float, Callable[[], None]], object], usual: int = 204) -> None:
        self._route = route
        self._usual = usual
        self._schedule = call_later
        self._seconds = BufferedHistogram(SECONDS.labels(route), BUCKETS)
        self._responses = 0
        self._others: dict[int, int] = {}
        self._flushed_at = 0.0
        self._flush_is_due = False

    def record_status(self, status: int) -> None:
        """Record that one response of the next batch has this status instead of the usual one."""
        self._others[status] = self._others.get(status, 0) + 1

    def record_batch(self, batch: Sequence[TimedRequest], now: float) -> None:
        """Count the responses to `batch`, sent at `now`. The batch is sorted by the start of its requests."""
        self._responses += (size := len(batch))
        # Durations are spread evenly between the shortest and the longest: cheaper than observing every one.
        self._seconds.observe_evenly(now - batch[-1].started, now - batch[0].started, size)
        if now - self._flushed_at >= FLUSH_SECONDS:
            self._flushed_at = now
            self.flush()
        elif not self._flush_is_due:
            self._flush_is_due = True
            self._schedule(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write the buffered values to the metrics."""
        self._flush_is_due = False
        others, self._others = self._others, {}
        passed, self._responses = self._responses - sum(others.values()), 0
        # A negative increment raises an exception, and all buffered values would be lost.
        for status, count in {self._usual: max(passed, 0), **others}.items():
            RESPONSES.labels(self._route, status).inc(count)
        self._seconds.flush()


def _call_later(seconds: float, flush: Callable[[], None]) -> object:
    # An empty context: the flush covers many requests, so it must not run in the context of the one that scheduled it.
    return asyncio.get_running_loop().call_later(seconds, flush, context=Context())


CHECK_RESPONSES: Final = BufferedResponses(CHECK_PATH, _call_later)
VERIFY_RESPONSES: Final = BufferedResponses(VERIFY_PATH, _call_later, usual=200)
