"""Course of one outage under steady load: the responses that clients got before, during and after it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles
from threading import Event
from typing import Final

from benchmarks import paths
from benchmarks.balance import connect
from benchmarks.failure import CouldNotMeasure
from benchmarks.installation import Installation
from benchmarks.load import get_request
from benchmarks.outage.kinds import Outage
from benchmarks.outage.pace import Answer, Pace

PHASES: Final = ("before", "during", "after")
CONNECTIONS: Final = 64
PER_SECOND: Final = 1000
WORKERS: Final = 2
LATE_MS: Final = 50.0

_STEADY_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.05
_RETURN_SECONDS: Final = 30.0
_PASSED: Final = 204
_FAILED: Final = 500


@dataclass(frozen=True, slots=True)
class Moments:
    """Times of one outage by `time.perf_counter`.

    Redis becomes unavailable at `lost`, is available again at `returned`, and all workers use it again at `back`.
    """

    lost: float
    returned: float
    back: float

    def phase(self, due: float) -> str:
        """Return the phase of a request that was due at that time."""
        # For clients, the outage lasts until every worker uses Redis again.
        return PHASES[(due >= self.lost) + (due >= self.back)]


@dataclass(frozen=True, slots=True)
class Course:
    """Measurements of one outage: latencies in milliseconds by phase, and numbers of requests.

    `asked` counts all requests, `failed` those with a 5xx response, and `late` those during the outage that took
    LATE_MS or longer. `return_seconds` is the time from Redis's return until all workers use it again.
    """

    p50: dict[str, float]
    p99: dict[str, float]
    asked: int
    failed: int
    late: int
    return_seconds: float


def measure(latchkey: Installation, outage: Outage, seconds: float) -> Course:
    """Measure an outage of that many seconds, with three seconds of steady load before and after it.

    Raise CouldNotMeasure.
    """
    ended = Event()
    with connect(latchkey.port, workers=WORKERS, connections=CONNECTIONS) as load:
        request = get_request(paths.CHECK, x_api_key=latchkey.credential)
        # Warm up imports, caches and the connections to Redis.
        load.fire(request, CONNECTIONS * 10)
        pace = Pace(load, request, PER_SECOND)
        with ThreadPoolExecutor(1) as threads:
            story = threads.submit(_play, latchkey, outage, seconds, ended)
            try:
                answers = pace.run(lambda: not ended.is_set())
            finally:
                # If the load fails, the other thread must not wait for the rest of the outage.
                ended.set()
            return course_of(answers, story.result())


def course_of(answers: list[Answer], moments: Moments) -> Course:
    """Return the measurements from the responses. Raise CouldNotMeasure for a status other than 204 and 5xx."""
    by_phase: dict[str, list[Answer]] = {phase: [] for phase in PHASES}
    for answer in answers:
        if answer.status != _PASSED and answer.status < _FAILED:
            raise CouldNotMeasure(f"A check was answered with {answer.status}.")
        by_phase[moments.phase(answer.due)].append(answer)
    return Course(
        p50={phase: _percentile_ms(of_phase, 50) for phase, of_phase in by_phase.items()},
        p99={phase: _percentile_ms(of_phase, 99) for phase, of_phase in by_phase.items()},
        asked=len(answers),
        failed=sum(answer.status >= _FAILED for answer in answers),
        late=sum(answer.seconds * 1000 >= LATE_MS for answer in by_phase["during"]),
        return_seconds=moments.back - moments.returned,
    )


def _play(latchkey: Installation, outage: Outage, seconds: float, ended: Event) -> Moments:
    """Begin and end the outage, and set `ended` at the end; return the times. Stop early if `ended` is set before.

    Raise CouldNotMeasure if no worker noticed the outage, or if a worker doesn't use Redis again.
    """
    try:
        ended.wait(_STEADY_SECONDS)
        lost = time.perf_counter()
        outage.begin()
        ended.wait(seconds)
        if not latchkey.on_fallback():
            raise CouldNotMeasure("No worker noticed that Redis was away.")
        outage.end()
        returned = time.perf_counter()
        _wait_for(lambda: ended.is_set() or not latchkey.on_fallback())
        back = time.perf_counter()
        ended.wait(_STEADY_SECONDS)
        return Moments(lost, returned, back)
    finally:
        ended.set()


def _wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + _RETURN_SECONDS
    while not holds():
        if time.perf_counter() > deadline:
            raise CouldNotMeasure(f"Redis decided nothing for {_RETURN_SECONDS:g} s after its return.")
        time.sleep(_POLL_SECONDS)


def _percentile_ms(answers: list[Answer], percent: int) -> float:
    return quantiles([answer.seconds for answer in answers], n=100, method="inclusive")[percent - 1] * 1000
