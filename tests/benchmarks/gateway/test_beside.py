"""The sections about the gateway and its peers, made of runs."""

import pytest

from benchmarks.gateway.beside import count_conditions, of_latency, of_rates
from benchmarks.gateway.names import AUTH_REQUEST, BARE, CHECK, LIMIT_REQ, PEER
from benchmarks.gateway.wrk import CONNECTIONS, Run

AT_THE_BOUND = {CHECK: 8000, BARE: 10_000, LIMIT_REQ: 20_000, AUTH_REQUEST: 4800, PEER: 200}


def runs(requests: dict[str, int]) -> dict[str, list[Run]]:
    return {name: [Run(count, 1.0, {50: 1.0, 90: 2.0, 99: count / 1000})] * 3 for name, count in requests.items()}


def test_conditions_hold_at_their_bounds() -> None:
    section = of_rates(runs(AT_THE_BOUND), ())
    assert section.holds
    assert [condition.bound for condition in section.conditions] == [0.8, 0.4, 40, 0.6]


@pytest.mark.parametrize(("slower", "failing"), [(CHECK, 3), (AUTH_REQUEST, 1)])
def test_a_rate_below_its_bound_fails(slower: str, failing: int) -> None:
    section = of_rates(runs({**AT_THE_BOUND, slower: AT_THE_BOUND[slower] - 1}), ())
    assert [condition.holds for condition in section.conditions].count(False) == failing


def test_without_redis_the_peer_has_no_condition() -> None:
    without = {name: count for name, count in AT_THE_BOUND.items() if name != PEER}
    section = of_rates(runs(without), ())
    assert len(section.conditions) == 3
    assert [series.name for series in of_latency(runs(without), 99).series] == [CHECK, BARE, LIMIT_REQ]


def test_latency_is_of_the_percentile_and_has_no_bound() -> None:
    section = of_latency(runs(AT_THE_BOUND), 99)
    assert (section.name, section.conditions) == ("gateway-p99", ())
    assert section.ratios()[CHECK] == 0.8


@pytest.mark.parametrize(
    ("uncounted", "holds"), [(0, True), (CONNECTIONS * 3, True), (CONNECTIONS * 3 + 1, False), (-1, False)]
)
def test_a_wrong_count_fails(uncounted: int, holds: bool) -> None:
    """What wrk left under way is all that the server may count beyond it."""
    assert of_rates(runs(AT_THE_BOUND), count_conditions(uncounted, runs=3)).holds is holds
