"""The simulation of leases decides as workers do, and would notice if they let more pass than a limit does."""

from random import Random

import pytest

from benchmarks.leasing import Case, of_cases
from benchmarks.leasing.demand import SHAPES, Request
from benchmarks.leasing.meter import Meter
from benchmarks.leasing.node import Node
from benchmarks.leasing.shared import SharedBucket
from benchmarks.leasing.simulation import Run, jain, run
from ratelimit.bucket import Outcome, TakeRequest
from ratelimit.leases import LEASE_NS, LeaseBook
from ratelimit.limit import NS_PER_SECOND, Limit

LIMIT = Limit(100, 1)
ASKED: TakeRequest = (b"lk_0123456789ab", LIMIT, 1, 0, 0)


def all_at_once(count: int, nodes: int = 1, at_ns: int = 0) -> list[Request]:
    return [Request(at_ns, number % nodes) for number in range(count)]


@pytest.mark.parametrize(("shares", "index"), [([0.5, 0.5, 0.5], 1.0), ([1.0, 0.0, 0.0, 0.0], 0.25), ([0.0], 1.0)])
def test_fairness(shares: list[float], index: float) -> None:
    assert jain(shares) == pytest.approx(index)


def test_excess_is_what_passes_beyond_a_full_bucket_and_its_refill() -> None:
    meter = Meter(LIMIT, 0)
    meter.passes(100, 0)
    assert (meter.excess, meter.window_excess, meter.peak) == (0, 0, 1)
    meter.passes(53, NS_PER_SECOND // 2)
    assert (meter.excess, meter.window_excess) == (3, 3)


def test_a_window_without_a_pause_before_it_shows_what_the_whole_hides() -> None:
    meter = Meter(LIMIT, 0)
    meter.passes(107, 5 * NS_PER_SECOND)
    assert (meter.excess, meter.window_excess) == (0, 7)


def test_a_window_has_a_lease_more_of_time() -> None:
    meter = Meter(LIMIT, NS_PER_SECOND // 20)
    meter.passes(107, 5 * NS_PER_SECOND)
    assert meter.window_excess == 2


def test_the_shared_bucket_gives_what_is_wished_or_what_is_asked_or_nothing() -> None:
    store = SharedBucket()
    assert [store.take_ahead(ASKED, 60, 0)[1] for _ in range(2)] == [True, False]
    assert store.take_each(ASKED, 50, 0) == 39
    outcome, granted = store.take_ahead(ASKED, 2, 0)
    assert (outcome[0], granted) == (False, False)


def test_tokens_that_are_given_back_are_there_again() -> None:
    store = SharedBucket()
    store.take_ahead(ASKED, 100, 0)
    store.give_back(ASKED[0], LIMIT, 7, 0)
    assert store.take_each(ASKED, 50, 0) == 7


def test_a_node_asks_once_for_what_came_together() -> None:
    store = SharedBucket()
    assert Node(store, most=10).take(ASKED, 8, 0) == 8
    assert store.trips == 1


def test_a_node_without_leases_is_the_bucket() -> None:
    run_of = run(all_at_once(150, nodes=3), LIMIT, 3, 0)
    assert (run_of.passed, run_of.excess, run_of.peak) == (100, 0, 1)


def test_what_a_node_does_not_need_comes_back() -> None:
    store = SharedBucket()
    node = Node(store, most=10)
    for _ in range(4):
        node.take(ASKED, 3, 0)
    node.give_back(LEASE_NS)
    assert store.take_each(ASKED, 200, LEASE_NS) == 100


def test_leases_save_trips_and_let_the_same_pass() -> None:
    requests = list(SHAPES["evenly"](Random(1), LIMIT, 0.5, 1, 5))
    without, leased = (run(requests, LIMIT, 1, most) for most in (0, 10))
    assert leased.passed == without.passed == len(requests)
    assert leased.trips < without.trips / 5


@pytest.mark.parametrize("nodes", [1, 10])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_demand_gets_more_than_the_limit(shape: str, nodes: int) -> None:
    requests = list(SHAPES[shape](Random(1), LIMIT, 2, nodes, 6))
    assert requests == sorted(requests, key=lambda request: request.at_ns)
    found = run(requests, LIMIT, nodes, 100)
    assert (found.excess, found.window_excess) == (0, 0)
    assert found.passed < len(requests)


def test_a_window_may_hold_what_was_leased_before_it() -> None:
    turns = enumerate((20, 20, 30))  # of which the last leaves each node some tokens
    leases = [request for at_ns, count in turns for request in all_at_once(count, nodes=10, at_ns=at_ns)]
    found = run([*leases, *all_at_once(200, nodes=10, at_ns=LEASE_NS - 1)], LIMIT, 10, 100)
    assert found.peak > 1
    assert found.excess == 0


def test_a_lease_of_tokens_that_nobody_paid_for_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    grant = LeaseBook.record_grant

    def generous(book: LeaseBook, asked: TakeRequest, tokens: int, outcome: Outcome, now_ns: int) -> Outcome:
        return grant(book, asked, tokens + 1, outcome, now_ns)

    monkeypatch.setattr(LeaseBook, "record_grant", generous)
    assert run(all_at_once(200, nodes=2), LIMIT, 2, 10).excess > 0


def case(excess: float = 0.0, window_excess: float = 0.0) -> Case:
    without = Run(passed=100, fairness=1.0, trips=1.0, excess=0.0, window_excess=0.0, peak=1.0)
    leased = Run(passed=97, fairness=0.9, trips=0.1, excess=excess, window_excess=window_excess, peak=1.1)
    runs = {0: without, 10: leased, 100: leased, 1000: leased}
    return Case("evenly", LIMIT, 1.0, 2, runs)


def test_sections_hold_while_nothing_is_in_excess() -> None:
    cases = [case()]
    admitted = of_cases([*cases, *(Case(shape, LIMIT, 2.0, 2, cases[0].runs) for shape in SHAPES)])[0]
    assert admitted.holds
    assert {series.name: series.median for series in admitted.series}["TOKEN_LEASE=10, nodes: 2"] == 97


@pytest.mark.parametrize("found", [case(excess=0.5), case(window_excess=0.5)])
def test_sections_fail_with_any_excess(found: Case) -> None:
    assert not of_cases([found, *(Case(shape, LIMIT, 2.0, 2, found.runs) for shape in SHAPES)])[0].holds
