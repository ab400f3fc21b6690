"""Metrics of HTTP responses: how many by route and status, and how long they took, over all that the server answers."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from time import perf_counter
from typing import Final, Protocol

from prometheus_client import Counter, Histogram

from controlplane.server.asgi_types import Message, Scope, Send
from latchkey import metric_names
from ratelimit.pending import PendingHistogram

FLUSH_SECONDS: Final = 0.1
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CHECK: Final = "/v1/check"
SIGN_IN: Final = "/admin/login/"
OTHER: Final = "other"

# A label per path would let clients make series without end.
_ROUTES: Final = frozenset((CHECK, "/v1/verify", "/health", SIGN_IN))
_EXPECTED: Final = (200, 204, 401, 403, 429, 500, 503)

RESPONSES: Final = Counter(metric_names.HTTP_RESPONSES, "HTTP responses, by route and status.", ["route", "status"])
SECONDS: Final = Histogram(
    metric_names.HTTP_RESPONSE_SECONDS,
    "Seconds from a request's header to the start of its response, by route.",
    ["route"],
    buckets=BOUNDS,
)
for _route in (*_ROUTES, OTHER):
    SECONDS.labels(_route)
    for _status in _EXPECTED:
        RESPONSES.labels(_route, _status)  # the series is there from the start, so that its first increase is seen


def counted(scope: Scope, send: Send, *, signs_in: bool) -> Send:
    """Return a `send` that also counts the response whose start it sends. The request begins now. `signs_in`: it counts
    as a sign-in, whatever its path.
    """
    began = perf_counter()

    async def send_and_count(message: Message) -> None:
        if message["type"] == "http.response.start":
            path = SIGN_IN if signs_in else scope["path"]
            route = path if path in _ROUTES else OTHER
            RESPONSES.labels(route, message["status"]).inc()
            SECONDS.labels(route).observe(perf_counter() - began)
        await send(message)

    return send_and_count


def count_unreadable(status: int) -> None:
    """Count the response to a request whose header could not be read."""
    RESPONSES.labels(OTHER, status).inc()


class Begun(Protocol):
    """A request that began at `started`, by perf_counter."""

    @property
    def started(self) -> float: ...


class BufferedResponses:
    """Metrics of a route on the hot path, where to count a response costs more than to decide it: what its batches have
    in common is counted once for all. The thread of the event loop alone may use it.

    A response is 204 unless `other` said so. What was counted is written every FLUSH_SECONDS at most; of a worker that
    is killed, that much is lost.
    """

    def __init__(self, route: str, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._route = route
        self._later = later
        self._seconds = PendingHistogram(SECONDS.labels(route), BOUNDS)
        self._responses = 0
        self._others: dict[int, int] = {}
        self._flushed_at = 0.0
        self._flush_is_due = False

    def other(self, status: int) -> None:
        """Note that a response of the next batch has this status instead."""
        self._others[status] = self._others.get(status, 0) + 1

    def answered(self, batch: Sequence[Begun], now: float) -> None:
        """Count the responses to a batch, which were sent at `now`, in the order in which its requests began."""
        self._responses += (many := len(batch))
        self._seconds.observe_between(now - batch[-1].started, now - batch[0].started, many)
        if now - self._flushed_at >= FLUSH_SECONDS:
            self._flushed_at = now
            self.flush()
        elif not self._flush_is_due:
            self._flush_is_due = True
            self._later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was counted to the metrics."""
        self._flush_is_due = False
        others, self._others = self._others, {}
        passed, self._responses = self._responses - sum(others.values()), 0
        # A counter that is asked to count backward raises, and all of these would be lost.
        for status, count in {204: max(passed, 0), **others}.items():
            RESPONSES.labels(self._route, status).inc(count)
        self._seconds.tell()


def _call_later(seconds: float, flush: Callable[[], None]) -> object:
    # In a context of its own, as it is about the requests of many.
    return asyncio.get_running_loop().call_later(seconds, flush, context=Context())


CHECKS: Final = BufferedResponses(CHECK, _call_later)
