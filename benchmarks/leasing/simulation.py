"""Run of the simulation: one demand, decided by one shared bucket with leases of one size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from benchmarks.leasing.demand import Request
from benchmarks.leasing.meter import Meter
from benchmarks.leasing.node import Node
from benchmarks.leasing.shared import SharedBucket
from ratelimit.bucket import TakeRequest
from ratelimit.leases import LEASE_NS
from ratelimit.limit import Limit

SWEEP_NS: Final = 250_000_000
_TURN_NS: Final = 1_000_000
"""Length of an event loop iteration. A node decides the requests of one iteration together."""


@dataclass(frozen=True, slots=True)
class Run:
    """Result of a run.

    `passed` is the number of requests that passed, `fairness` is Jain's index over the nodes, and `trips` is the
    number of store calls per request. `excess` is the maximum number of tokens beyond the limit since the beginning,
    and `window_excess` that in any window, extended by the lifetime of a lease. `peak` is in bursts.
    """

    passed: int
    fairness: float
    trips: float
    excess: float
    window_excess: float
    peak: float


def run(requests: Sequence[Request], limit: Limit, nodes: int, most: int) -> Run:
    """Decide all requests, which are in order of time; `most` is TOKEN_LEASE, 0 for no leases."""
    store = SharedBucket()
    meter = Meter(limit, LEASE_NS if most else 0)
    members = [Node(store, most) for _ in range(nodes)]
    asked: TakeRequest = (b"lk_0123456789ab", limit, 1, 0, 0)
    wanted, passed = [0] * nodes, [0] * nodes
    sweeps = _sweeps(members) if most else iter(())
    next_sweep = next(sweeps, None)
    for (turn, node), together in groupby(requests, key=lambda request: (request.at_ns // _TURN_NS, request.node)):
        now_ns, count = turn * _TURN_NS, len(list(together))
        while next_sweep is not None and next_sweep[0] <= now_ns:
            next_sweep[1].give_back(next_sweep[0])
            next_sweep = next(sweeps, None)
        pass_now = members[node].take(asked, count, now_ns)
        wanted[node] += count
        passed[node] += pass_now
        meter.passes(pass_now, now_ns)
    return Run(
        passed=meter.passed,
        fairness=jain([part / whole for part, whole in zip(passed, wanted, strict=True) if whole]),
        trips=store.trips / len(requests),
        excess=meter.excess,
        window_excess=meter.window_excess,
        peak=meter.peak,
    )


def jain(shares: Sequence[float]) -> float:
    """Return Jain's fairness index: 1 if all shares are equal, 1/n if one of n has everything."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


def _sweeps(members: Sequence[Node]) -> Iterator[tuple[int, Node]]:
    """Yield the times of the nodes' sweeps, every 0.25 seconds per node, evenly staggered over the nodes."""
    for number in range(1, 1 << 62):
        at_ns = number * SWEEP_NS // len(members)
        yield at_ns, members[number % len(members)]
