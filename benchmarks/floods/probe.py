"""Requests of clients that don't attack: sent on schedule, each on a new connection."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

PER_SECOND: Final = 25
"""Requests per second to every path."""

PATIENCE_SECONDS: Final = 3.0
"""Timeout of a request. One that fails earlier counts as if it had waited until the timeout."""


@dataclass(frozen=True, slots=True)
class Responses:
    """Responses to the requests of one path: the status, 0 for none, and the seconds since the request was due."""

    statuses: tuple[int, ...]
    seconds: tuple[float, ...]

    def percentile_ms(self, percent: int) -> float:
        """Return that percentile of the response times, in milliseconds."""
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1] * 1000

    def share(self, status: int, within_ms: float) -> float:
        """Return the share, from 0 to 1, of the requests that got `status` within `within_ms` milliseconds."""
        pairs = zip(self.statuses, self.seconds, strict=True)
        return sum(found == status and took * 1000 <= within_ms for found, took in pairs) / len(self.statuses)


def ask(port: int, requests: Mapping[str, bytes], seconds: float) -> dict[str, Responses]:
    """Send every request PER_SECOND times per second, for `seconds`; return the responses by path."""
    return asyncio.run(_ask(port, requests, seconds))


async def _ask(port: int, requests: Mapping[str, bytes], seconds: float) -> dict[str, Responses]:
    began, pause = time.perf_counter(), 1 / PER_SECOND / len(requests)
    asked: dict[str, list[asyncio.Task[tuple[int, float]]]] = {path: [] for path in requests}
    for number in range(round(seconds * PER_SECOND)):
        for place, (path, request) in enumerate(requests.items()):
            # A request doesn't wait for the responses before it: otherwise a server that hangs would get fewer
            # requests, and look faster than it is.
            due = began + (number * len(requests) + place) * pause
            await asyncio.sleep(due - time.perf_counter())
            asked[path].append(asyncio.create_task(_response(port, request, due)))
    found = {path: await asyncio.gather(*tasks) for path, tasks in asked.items()}
    return {path: Responses(*zip(*pairs, strict=True)) for path, pairs in found.items()}


async def _response(port: int, request: bytes, due: float) -> tuple[int, float]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            status = await _status(port, request)
    except (OSError, ValueError):
        # No connection, no response in time, or an incomplete one. A fast failure must not count as a fast response.
        return 0, max(PATIENCE_SECONDS, time.perf_counter() - due)
    return status, time.perf_counter() - due


async def _status(port: int, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return int((await reader.read())[9:12])
    finally:
        writer.transport.abort()
