"""What an outage of Redis costs the clients of /v1/check, for each kind of outage and each fallback."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.gateway.wrk import CONNECTIONS, Run, Wrk
from benchmarks.installation import installation
from benchmarks.load import workers_of
from benchmarks.measurement import Condition, CouldNotMeasure, Section, Series
from latchkey.metric_names import ON_FALLBACK
from tests.support.redis_server import RedisServer, running
from tests.support.relay import Mode, relay_process

FALLBACKS: Final = ("local", "allow")
WORKERS: Final = 2
SECONDS: Final = 10
LATE_MS: Final = 50.0
RETURN_SECONDS: Final = 5.0

_STEADY_SECONDS: Final = 3
_POLL_SECONDS: Final = 0.05
_GIVE_UP_SECONDS: Final = 30.0


KINDS: Final[dict[str, Mode]] = {"connections refused": "refuse", "hanging": "hang", "packets lost": "lose"}
"""The modes of the relay in front of Redis; see `tests.support.relay`."""


@dataclass(frozen=True, slots=True)
class Course:
    """One outage: the runs of wrk by phase, and the seconds from Redis' return until every worker decided with it."""

    runs: Mapping[str, Run]
    return_seconds: float


def sections(*, quick: bool) -> list[Section]:
    """Each round is an outage, with a new Latchkey."""
    found = []
    for fallback in FALLBACKS:
        courses = {kind: [_course(kind, fallback) for _ in range(1 if quick else 3)] for kind in KINDS}
        found += of_fallback(fallback, courses)
    return found


def _course(kind: str, fallback: str) -> Course:
    with running(redis := RedisServer()), relay_process(redis.port) as (port, set_mode):
        settings = {"BUCKET_STORE_FALLBACK": fallback, "BUCKET_STORE_URL": f"redis://127.0.0.1:{port}/0"}
        with installation(workers=WORKERS, settings=settings) as latchkey:
            workers_of(latchkey.port, WORKERS)
            wrk = Wrk(f"http://127.0.0.1:{latchkey.port}/v1/check", latchkey.credential)
            wrk.run(1)  # imports, caches, connections to Redis
            before = wrk.run(_STEADY_SECONDS, may_fail=True)
            set_mode(KINDS[kind])
            during = wrk.run(SECONDS, may_fail=True)
            if not latchkey.metric(ON_FALLBACK):
                raise CouldNotMeasure("No worker noticed that Redis was down.")
            set_mode("pass")
            returned = time.perf_counter()
            while latchkey.metric(ON_FALLBACK):
                if time.perf_counter() - returned > _GIVE_UP_SECONDS:
                    raise CouldNotMeasure(f"Redis decided nothing in the {_GIVE_UP_SECONDS:g} s after it was back.")
                time.sleep(_POLL_SECONDS)
            return_seconds = time.perf_counter() - returned
            after = wrk.run(_STEADY_SECONDS, may_fail=True)
            return Course({"before": before, "during": during, "after": after}, return_seconds)


def of_fallback(fallback: str, courses: Mapping[str, Sequence[Course]]) -> list[Section]:
    """Return the sections of one fallback: latencies, failures, and the time until Redis decides again."""
    what = f"an outage of {SECONDS} s, {CONNECTIONS} connections, {WORKERS} workers, fallback {fallback}"
    requests = [sum(run.requests for run in course.runs.values()) for course in next(iter(courses.values()))]
    p99, failed, back = list[Series](), list[Series](), list[Series]()
    for kind, of_kind in courses.items():
        for phase in of_kind[0].runs:
            p99.append(Series(f"{kind}, {phase}", tuple(course.runs[phase].latency_ms[99] for course in of_kind)))
        failures = (sum(run.failed for run in course.runs.values()) for course in of_kind)
        failed.append(Series(kind, tuple(failures)))
        back.append(Series(kind, tuple(course.return_seconds for course in of_kind)))
    during = [one for one in p99 if one.name.endswith("during")]

    def section(name: str, title: str, unit: str, series: list[Series], conditions: list[Condition]) -> Section:
        return Section(f"outage-{fallback}-{name}", f"{title} {what}", unit, series[0].name, series, conditions)

    sent = [Series("requests", tuple(requests)), *failed]
    return [
        section("p99", "p99 of", "ms", p99, [Condition(f"p99, {it.name}", it.median, "<", LATE_MS) for it in during]),
        section("failed", "Failed requests in", "requests", sent, [_most("failed requests", it, 0) for it in failed]),
        section("return", "Time to return after", "s", back, [_most("seconds", it, RETURN_SECONDS) for it in back]),
    ]


def _most(what: str, series: Series, bound: float) -> Condition:
    return Condition(f"{what}, {series.name}", max(series.rounds), "<=", bound)
