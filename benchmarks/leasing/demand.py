"""Demand of the simulation: requests in virtual time, in several shapes."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from ratelimit.leases import LEASE_NS
from ratelimit.limit import NS_PER_SECOND, Limit

_ON_SHARE: Final = 0.25
_WAVE_NS: Final = NS_PER_SECOND // 10
_STAYS_NS: Final = NS_PER_SECOND // 2
"""Time for which a moving client stays at a node: shorter than the lifetime of a lease."""


class Request(NamedTuple):
    """One request: its time in nanoseconds, and its node."""

    at_ns: int
    node: int


Choose = Callable[[Random, int], int]
"""Function that returns the node of a request, given a time in nanoseconds."""
Shape = Callable[[Random, Limit, float, int, int], Iterator[Request]]
"""Function of (random, limit, load, nodes, periods) that yields requests in order of time.

It yields `load` times as many as the limit refills, at `nodes` nodes, for `periods` periods of the limit.
"""


def even(random: Random, limit: Limit, load: float, nodes: int, periods: int) -> Iterator[Request]:
    """Yield requests at random nodes, like behind a load balancer that distributes evenly."""
    return _steady(random, limit, load, periods, lambda random, _: random.randrange(nodes))


def skewed(random: Random, limit: Limit, load: float, nodes: int, periods: int) -> Iterator[Request]:
    """Yield requests distributed by Zipf's law: the second node gets half as many as the first, the third a third."""
    weights = list(accumulate(1 / rank for rank in range(1, nodes + 1)))
    return _steady(random, limit, load, periods, lambda random, _: random.choices(range(nodes), cum_weights=weights)[0])


def moving(random: Random, limit: Limit, load: float, nodes: int, periods: int) -> Iterator[Request]:
    """Yield requests that are all at one node for half a second, then all at the next."""
    return _steady(random, limit, load, periods, lambda _, at_ns: at_ns // _STAYS_NS % nodes)


def bursts(random: Random, limit: Limit, load: float, nodes: int, periods: int) -> Iterator[Request]:
    """Yield requests at random nodes, at four times the rate for a quarter of the time: half a period in every two."""
    cycle_ns = 2 * limit.per_seconds * NS_PER_SECOND
    for at_ns, node in _steady(random, limit, load, periods, lambda random, _: random.randrange(nodes)):
        cycle, within_ns = divmod(at_ns, cycle_ns)
        yield Request(cycle * cycle_ns + int(within_ns * _ON_SHARE), node)


def waves(random: Random, limit: Limit, load: float, nodes: int, periods: int) -> Iterator[Request]:
    """Yield two waves of requests and then none for a period, repeatedly.

    The first wave has `load` bursts, and the second twice as many, just before the leases of the first wave end.
    """
    # The worst case for leases: saving them up like that makes the most requests pass in a short time.
    period_ns = limit.per_seconds * NS_PER_SECOND
    for begin_ns in range(0, periods * period_ns, period_ns + 2 * LEASE_NS):
        for at_ns, size in ((begin_ns, 1), (begin_ns + LEASE_NS - _WAVE_NS, 2)):
            count = int(load * size * limit.burst)
            for number in range(count):
                yield Request(at_ns + number * _WAVE_NS // (2 * count), random.randrange(nodes))


SHAPES: Final[dict[str, Shape]] = {
    "evenly": even,
    "by Zipf's law": skewed,
    "in bursts": bursts,
    "one node, then the next": moving,
    "in two waves": waves,
}


def _steady(random: Random, limit: Limit, load: float, periods: int, choose: Choose) -> Iterator[Request]:
    """Yield requests of a Poisson process at the nodes that `choose` returns."""
    per_ns = load * limit.burst / (limit.per_seconds * NS_PER_SECOND)
    end_ns = periods * limit.per_seconds * NS_PER_SECOND
    at_ns = 0.0
    while (at_ns := at_ns + random.expovariate(per_ns)) < end_ns:
        yield Request(int(at_ns), choose(random, int(at_ns)))
