"""Leasing: costs and savings of token leases, from a simulation of up to 100 nodes in virtual time, without Redis."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.condition import Condition
from benchmarks.leasing.demand import SHAPES
from benchmarks.leasing.simulation import Run, run
from benchmarks.section import Section
from benchmarks.series import Series
from ratelimit.leases import SHARE
from ratelimit.limit import Limit

LIMITS: Final = {Limit(100, 1): 20, Limit(1000, 1): 4, Limit(60, 60): 10, Limit(10_000, 60): 2}
"""Duration of the demand by limit, in periods of the limit."""

NODES: Final = (1, 2, 10, 100)
LOADS: Final = (0.5, 1.0, 2.0)
"""Demand as a multiple of the limit's refill."""

LEASES: Final = (0, 10, 100, 1000)
_USUAL: Final = 100
_SEED: Final = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One demand on that many nodes, and the results by TOKEN_LEASE."""

    shape: str
    limit: Limit
    load: float
    nodes: int
    runs: dict[int, Run]

    def admitted(self, lease: int) -> float:
        """Return the requests that pass with that lease, as a percentage of those that pass without leases."""
        return 100 * self.runs[lease].passed / self.runs[0].passed


def sections(*, quick: bool) -> list[Section]:
    """Simulate every combination of shape, limit, load, number of nodes and lease size; return the sections.

    With `quick`, simulate fewer limits and numbers of nodes. The results are the same in every run.
    """
    limits = [Limit(100, 1), Limit(60, 60)] if quick else [*LIMITS]
    return of_cases(list(_cases(limits, NODES[::2] if quick else NODES)))


def of_cases(cases: Sequence[Case]) -> list[Section]:
    """Return the sections. Every round of a series is a case."""
    within = [case for case in cases if case.load <= 1]
    above = [case for case in cases if case.load > 1]
    share, trips = "% of what one bucket lets pass", "per request"
    return [
        _by_lease("admitted", "Requests that pass with leases", share, cases, Case.admitted, _conditions(cases)),
        _by_shape("Requests that pass with leases, by demand", share, cases),
        _by_lease("fairness", "Fairness over nodes", "Jain's index", cases, lambda case, of: case.runs[of].fairness),
        _by_lease(
            "peak", "The most in any window, less its refill", "bursts", cases, lambda case, of: case.runs[of].peak
        ),
        _by_lease("trips", "Trips to the store, demand up to the limit", trips, within, _trips),
        _by_lease("trips-above", "Trips to the store, demand twice the limit", trips, above, _trips),
        _by_limit(f"Trips to the store, demand up to the limit, TOKEN_LEASE={_USUAL}", trips, within),
    ]


def _conditions(cases: Sequence[Case]) -> tuple[Condition, ...]:
    leased = [run for case in cases for lease, run in case.runs.items() if lease]
    since_begin = max(run.excess for run in leased)
    in_window = max(run.window_excess for run in leased)
    return (
        Condition("tokens beyond burst + elapsed x rate", since_begin, "==", 0),
        Condition("tokens beyond burst + (window + 1 s) x rate, in any window", in_window, "==", 0),
    )


def _cases(limits: Sequence[Limit], nodes: Sequence[int]) -> Iterator[Case]:
    for limit in limits:
        for shape, requests_of in SHAPES.items():
            for load in LOADS:
                for count in nodes:
                    requests = list(requests_of(Random(_SEED), limit, load, count, LIMITS[limit]))
                    # No lease is larger than a share of the burst, whatever TOKEN_LEASE says.
                    sizes = {lease: min(lease, limit.burst // SHARE) for lease in LEASES}
                    runs = {size: run(requests, limit, count, size) for size in set(sizes.values())}
                    yield Case(shape, limit, load, count, {lease: runs[size] for lease, size in sizes.items()})


def _by_lease(
    name: str,
    title: str,
    unit: str,
    cases: Sequence[Case],
    value: Callable[[Case, int], float],
    conditions: tuple[Condition, ...] = (),
) -> Section:
    series = tuple(
        Series(
            f"TOKEN_LEASE={lease}, nodes: {nodes}", tuple(value(case, lease) for case in cases if case.nodes == nodes)
        )
        for lease in LEASES
        for nodes in sorted({case.nodes for case in cases})
    )
    return Section(f"leasing-{name}", title, unit, series[0].name, series, conditions)


def _by_shape(title: str, unit: str, cases: Sequence[Case]) -> Section:
    series = tuple(
        Series(shape, tuple(case.admitted(lease) for case in cases if case.shape == shape for lease in LEASES if lease))
        for shape in SHAPES
    )
    return Section("leasing-shapes", title, unit, series[0].name, series, ())


def _by_limit(title: str, unit: str, cases: Sequence[Case]) -> Section:
    series = tuple(
        Series(
            f"{limit.burst:,} in {limit.per_seconds} s, nodes: {nodes}",
            tuple(_trips(case, _USUAL) for case in cases if case.limit == limit and case.nodes == nodes),
        )
        for limit in dict.fromkeys(case.limit for case in cases)
        for nodes in sorted({case.nodes for case in cases})
    )
    return Section("leasing-trips-by-limit", title, unit, series[0].name, series, ())


def _trips(case: Case, lease: int) -> float:
    return case.runs[lease].trips
