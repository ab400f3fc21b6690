"""Outages: how an outage of Redis affects clients of /v1/check, for every kind of outage and every fallback."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.balance import wait_for_workers
from benchmarks.condition import Condition
from benchmarks.installation import installation
from benchmarks.outage.course import LATE_MS, PER_SECOND, PHASES, WORKERS, Course, measure
from benchmarks.outage.kinds import KINDS
from benchmarks.section import Section
from benchmarks.series import Series

FALLBACKS: Final = ("local", "allow")
SECONDS: Final = 10
"""Duration of an outage. It determines the weight of the first timeouts in the percentiles."""

RETURN_SECONDS: Final = 5.0
_ASKED: Final = "asked"


def sections(*, quick: bool) -> list[Section]:
    """Measure outages of ten seconds of every kind, each with a separate Latchkey; return the sections."""
    found = []
    for fallback in FALLBACKS:
        courses = {kind: [_course(kind, fallback) for _ in range(1 if quick else 3)] for kind in KINDS}
        found += of_fallback(fallback, courses)
    return found


def _course(kind: str, fallback: str) -> Course:
    with (
        KINDS[kind]() as outage,
        installation(workers=WORKERS, store=outage.url, settings={"BUCKET_STORE_FALLBACK": fallback}) as latchkey,
    ):
        wait_for_workers(latchkey.port, WORKERS)
        return measure(latchkey, outage, SECONDS)


def of_fallback(fallback: str, courses: Mapping[str, Sequence[Course]]) -> list[Section]:
    """Return the sections of one fallback: latencies, failures, and the time to recover."""
    title = f"an outage of {SECONDS} s, {PER_SECOND:,} checks a second, {WORKERS} workers, fallback {fallback}"
    return [
        _latency(50, fallback, title, courses),
        _latency(99, fallback, title, courses),
        _failures(fallback, title, courses),
        _return(fallback, title, courses),
    ]


def _latency(percent: int, fallback: str, title: str, courses: Mapping[str, Sequence[Course]]) -> Section:
    series = tuple(
        Series(f"{kind}, {phase}", tuple(getattr(course, f"p{percent}")[phase] for course in of_kind))
        for kind, of_kind in courses.items()
        for phase in PHASES
    )
    during = [one for one in series if one.name.endswith(PHASES[1])] if percent == 99 else []
    conditions = tuple(Condition(f"p99, {one.name}, ms", one.median, "<", LATE_MS) for one in during)
    name = f"outage-{fallback}-p{percent}"
    return Section(name, f"p{percent} of {title}", "ms", series[0].name, series, conditions)


def _failures(fallback: str, title: str, courses: Mapping[str, Sequence[Course]]) -> Section:
    asked = Series(_ASKED, tuple(float(course.asked) for course in next(iter(courses.values()))))
    failed, late = (
        [
            Series(f"{kind}, {shown}", tuple(float(getattr(course, name)) for course in of_kind))
            for kind, of_kind in courses.items()
        ]
        for name, shown in (("failed", "5xx"), ("late", f"later than {LATE_MS:g} ms during it"))
    )
    conditions = tuple(Condition(f"answers, {one.name}", max(one.rounds), "==", 0) for one in failed)
    series = (asked, *failed, *late)
    return Section(f"outage-{fallback}-5xx", f"Answers in {title}", "answers", _ASKED, series, conditions)


def _return(fallback: str, title: str, courses: Mapping[str, Sequence[Course]]) -> Section:
    series = tuple(
        Series(kind, tuple(course.return_seconds for course in of_kind)) for kind, of_kind in courses.items()
    )
    conditions = tuple(
        Condition(f"seconds until Redis decides again, {one.name}", max(one.rounds), "<=", RETURN_SECONDS)
        for one in series
    )
    name = f"outage-{fallback}-return"
    return Section(name, f"From Redis' return to its decisions, after {title}", "s", series[0].name, series, conditions)
