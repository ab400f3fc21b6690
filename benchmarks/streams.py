"""Event streams: their cost for /v1/whoami, the delay of events, and memory."""

import json
import time
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks import paths
from benchmarks.balance import connect, workers_of
from benchmarks.condition import Condition
from benchmarks.failure import CouldNotMeasure
from benchmarks.followers import Followers, following
from benchmarks.installation import UNLIMITED_LIKE, Installation, installation
from benchmarks.load import Load, Tally, get_request
from benchmarks.section import Section
from benchmarks.series import Series, ratio

STREAMS: Final = 500
BOUND: Final = 0.8
WITHOUT: Final = "without"
WITH: Final = f"with {STREAMS} open streams"
_WORKERS: Final = 2
_CONNECTIONS: Final = 32
_KEYS: Final = 10
_CHANGES: Final = 5


def sections(*, quick: bool) -> list[Section]:
    """Measure without and with open streams in every round; return the sections."""
    # Both in one round, so that whatever else the machine does affects both.
    rounds, requests = (3, 500) if quick else (11, 1000)
    with (
        installation(workers=_WORKERS) as latchkey,
        connect(latchkey.port, workers=_WORKERS, connections=_CONNECTIONS) as load,
    ):
        keys = [latchkey.issue(UNLIMITED_LIKE, scopes=["events:read"]) for _ in range(_KEYS)]
        workers = workers_of(load)
        request = get_request(paths.PROTECTED, x_api_key=latchkey.credential)
        # Warm up imports, caches and the first database connections.
        _fire(load, request, requests)
        before, after, delays, growth = [], [], [], []
        for _ in range(rounds):
            before.append(_fire(load, request, requests))
            resident = _resident_kib(workers)
            with following(latchkey.port, keys, STREAMS) as followers:
                growth.append((_resident_kib(workers) - resident) / STREAMS)
                after.append(_fire(load, request, requests))
                delays += [_delay(latchkey, followers) for _ in range(_CHANGES)]
            _until_closed(latchkey)
    # Only the first round shows the growth: later streams reuse memory that the earlier ones freed.
    return [_throughput(before, after), _latency(before, after), _arrival(delays), _memory(growth[0])]


def _throughput(before: list[Tally], after: list[Tally]) -> Section:
    series = tuple(
        Series(name, tuple(len(tally.latencies) / tally.seconds for tally in tallies))
        for name, tallies in ((WITHOUT, before), (WITH, after))
    )
    condition = Condition(f"{WITH} over {WITHOUT}", ratio(series[1], series[0]), ">=", BOUND)
    title = f"/v1/whoami beside {STREAMS} open event streams, {_WORKERS} workers"
    return Section("streams-throughput", title, "requests/s", WITHOUT, series, (condition,))


def _latency(before: list[Tally], after: list[Tally]) -> Section:
    series = tuple(
        Series(f"p{percent}, {name}", tuple(percentile_ms(tally, percent) for tally in tallies))
        for percent in (50, 99)
        for name, tallies in ((WITHOUT, before), (WITH, after))
    )
    title = f"/v1/whoami over {_CONNECTIONS} connections beside {STREAMS} open event streams"
    return Section("streams-latency", title, "ms", series[0].name, series, ())


def _arrival(delays: list[tuple[float, float]]) -> Section:
    first, last = (
        Series(name, rounds) for name, rounds in zip(("first", "last"), zip(*delays, strict=True), strict=True)
    )
    title = f"From a change's answer to its event on the first and the last of {STREAMS} streams"
    return Section("streams-arrival", title, "ms", "last", (first, last), ())


def _memory(kib: float) -> Section:
    series = Series("a stream", (kib,))
    title = "What the workers' memory grew by when the streams were first opened"
    return Section("streams-memory", title, "KiB", "a stream", (series,), ())


def percentile_ms(tally: Tally, percent: int) -> float:
    """Return that percentile of the latencies, in milliseconds."""
    return quantiles(tally.latencies, n=100, method="inclusive")[percent - 1] * 1000


def _fire(load: Load, request: bytes, requests: int) -> Tally:
    tally = load.fire(request, requests)
    if tally.statuses[200] != requests:
        raise CouldNotMeasure(f"The requests were answered {dict(tally.statuses)}.")
    return tally


def _delay(latchkey: Installation, followers: Followers) -> tuple[float, float]:
    """Make a change; return the milliseconds from its response to its event on the first and on the last stream."""
    key_id = latchkey.issue(UNLIMITED_LIKE).partition(":")[0]
    answered = time.perf_counter()
    arrivals = followers.arrivals(json.dumps(key_id).encode())
    return (arrivals[0] - answered) * 1000, (arrivals[-1] - answered) * 1000


def _resident_kib(pids: list[int]) -> float:
    statuses = [Path(f"/proc/{pid}/status").read_text().splitlines() for pid in pids]
    return sum(float(line.split()[1]) for lines in statuses for line in lines if line.startswith("VmRSS:"))


def _until_closed(latchkey: Installation) -> None:
    """Wait until the server has noticed that the streams were closed. Raise CouldNotMeasure after 10 seconds."""
    deadline = time.monotonic() + 10
    while latchkey.streams_open():
        if time.monotonic() > deadline:
            raise CouldNotMeasure("The server did not notice that its streams were closed.")
