"""An open-loop load generator: each request is sent when it is due, on its own connection, and waits for no other."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

TIMEOUT_SECONDS: Final = 3.0
"""A request without a response after this long has failed. One that fails sooner counts as if it had waited so long."""


@dataclass(frozen=True, slots=True)
class Responses:
    """The status of each response to one path, 0 for none, and the seconds that it took from when it was due."""

    statuses: tuple[int, ...]
    seconds: tuple[float, ...]

    def percentile_ms(self, percent: int) -> float:
        """Return the milliseconds within which that percentage of the responses arrived."""
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1] * 1000

    def share(self, status: int, within_ms: float) -> float:
        """Return the share, from 0 to 1, of the requests that got `status` within so many milliseconds."""
        pairs = zip(self.statuses, self.seconds, strict=True)
        return sum(found == status and took * 1000 <= within_ms for found, took in pairs) / len(self.statuses)


def send_for(seconds: float, port: int, requests: Mapping[str, bytes], per_second: int) -> dict[str, Responses]:
    """Send each request, by path, `per_second` times a second for so long; return the responses by path."""
    return asyncio.run(_send(port, requests, per_second, round(seconds * per_second)))


async def _send(port: int, requests: Mapping[str, bytes], per_second: int, count: int) -> dict[str, Responses]:
    began, pause = time.perf_counter(), 1 / per_second / len(requests)
    sent: dict[str, list[asyncio.Task[tuple[int, float]]]] = {path: [] for path in requests}
    for number in range(count):
        for place, (path, request) in enumerate(requests.items()):
            due = began + (number * len(requests) + place) * pause
            await asyncio.sleep(due - time.perf_counter())
            sent[path].append(asyncio.create_task(_response(port, request, due)))
    found = {path: await asyncio.gather(*tasks) for path, tasks in sent.items()}
    return {path: Responses(*zip(*pairs, strict=True)) for path, pairs in found.items()}


async def _response(port: int, request: bytes, due: float) -> tuple[int, float]:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status = await _status(port, request)
    except (OSError, ValueError):
        # No connection, no response in time, or an incomplete one. A failure that comes fast is no fast response.
        return 0, max(TIMEOUT_SECONDS, time.perf_counter() - due)
    return status, time.perf_counter() - due


async def _status(port: int, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return int((await reader.read())[9:12])
    finally:
        writer.transport.abort()
