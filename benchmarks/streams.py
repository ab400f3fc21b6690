"""What open event streams cost: the rate of /v1/whoami with and without them, and the delay of events."""

import json
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from benchmarks.installation import HIGH_LIMIT, Installation, installation
from benchmarks.load import TIMEOUT_SECONDS, close_all, connect, receive
from benchmarks.measurement import Condition, CouldNotMeasure, Section, Series, ratio
from latchkey.metric_names import EVENT_STREAMS_OPEN
from tests.support.raw_http import get_request

STREAMS: Final = 500
BOUND: Final = 0.8
_WORKERS: Final = 2
_KEYS: Final = 10
_CHANGES: Final = 5


def sections(*, quick: bool) -> list[Section]:
    """Each round measures without streams, then opens them and measures again, so that other load affects both."""
    rounds, requests = (3, 500) if quick else (11, 1000)
    rates: tuple[list[float], list[float]] = ([], [])
    delays: list[float] = []
    with (
        installation(workers=_WORKERS) as latchkey,
        connect(latchkey.port, workers=_WORKERS, connections=32) as load,
    ):
        keys = [latchkey.issue(HIGH_LIMIT, scopes=["events:read"]) for _ in range(_KEYS)]
        request = get_request("/v1/whoami", x_api_key=latchkey.credential)

        def rate() -> float:
            return requests / load.send_all(request, requests, status=200).seconds

        rate()  # imports, caches, the first database connection
        for _ in range(rounds):
            rates[0].append(rate())
            with _streams(latchkey.port, keys) as streams:
                rates[1].append(rate())
                delays += [_delay_ms(latchkey, streams) for _ in range(_CHANGES)]
            while latchkey.metric(EVENT_STREAMS_OPEN):
                time.sleep(0.05)
    without, with_streams = Series("without", tuple(rates[0])), Series(f"with {STREAMS} streams", tuple(rates[1]))
    condition = Condition("the rate with streams over that without", ratio(with_streams, without), ">=", BOUND)
    title = f"/v1/whoami while {STREAMS} event streams are open, {_WORKERS} workers"
    delay = Series("last stream", tuple(delays))
    return [
        Section("streams-rate", title, "requests/s", without.name, [without, with_streams], [condition]),
        Section("streams-delay", f"From a change to its event on all {STREAMS} streams", "ms", delay.name, [delay]),
    ]


@contextmanager
def _streams(port: int, credentials: Sequence[str]) -> Iterator[list[socket.socket]]:
    """Open the streams, distributed over the credentials, for as long as the context lasts."""
    connections: list[socket.socket] = []
    try:
        for number in range(STREAMS):
            connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
            connections.append(connection)
            credential = credentials[number % len(credentials)]
            connection.sendall(get_request("/v1/events", accept="text/event-stream", x_api_key=credential))
        _wait_for(b": open\n\n", connections)
        yield connections
    finally:
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        close_all(connections)


def _wait_for(text: bytes, streams: Sequence[socket.socket]) -> None:
    """Return once each stream has sent `text`."""
    received = dict.fromkeys(streams, b"")
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ, data=stream)
        while selector.get_map():
            ready = selector.select(TIMEOUT_SECONDS)
            if not ready:
                raise CouldNotMeasure(f"{len(selector.get_map())} of {len(streams)} streams did not send {text!r}.")
            for key, _ in ready:
                received[key.data] += receive(key.data)
                if text in received[key.data]:
                    selector.unregister(key.data)


def _delay_ms(latchkey: Installation, streams: Sequence[socket.socket]) -> float:
    """Return the milliseconds from the response to a change until all streams have sent its event."""
    key_id = latchkey.issue(HIGH_LIMIT).partition(":")[0]
    changed = time.perf_counter()
    _wait_for(json.dumps(key_id).encode(), streams)
    return (time.perf_counter() - changed) * 1000
