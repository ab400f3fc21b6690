"""Changes: how many changes per second two nodes make together, with a nearby and with a distant database."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks.changes.nodes import NODES, WORKERS, WRITERS, nodes
from benchmarks.databases import postgresql
from benchmarks.section import Section
from benchmarks.series import Series

DISTANCES: Final = {"next to it": 0.0, "2 ms away": 2.0}
"""Round trips to the database in milliseconds, by name in the report."""


def sections(*, quick: bool) -> list[Section]:
    """Measure all distances in turn in every round, and verify the event log at the end; return one section.

    Return none if no PostgreSQL is available.
    """
    rounds, changes = (2, 200) if quick else (7, 1000)
    rates: dict[str, list[float]] = {name: [] for name in DISTANCES}
    with ExitStack() as stack:
        served = {}
        for name, milliseconds in DISTANCES.items():
            url = stack.enter_context(postgresql())
            if url is None:
                return []
            served[name] = stack.enter_context(nodes(url, milliseconds))
            # Warm up imports, caches and the first database connections.
            served[name].rate(WRITERS)
        for _ in range(rounds):
            for name, measured in served.items():
                rates[name].append(measured.rate(changes))
        for measured in served.values():
            measured.verify()
    return [of_rates(rates)]


def of_rates(rates: Mapping[str, Sequence[float]]) -> Section:
    """Return the section with these rates, in changes per second by distance."""
    series = tuple(Series(name, tuple(measured)) for name, measured in rates.items())
    title = f"Keys issued by {WRITERS} writers through {NODES} nodes of {WORKERS} workers, PostgreSQL"
    return Section("changes", title, "changes/s", series[0].name, series, ())
