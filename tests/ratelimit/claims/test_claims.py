"""Several limits of one request: what each store takes, refuses and answers."""

from dataclasses import dataclass
from threading import Barrier, Thread

import pytest

from ratelimit.bucket import TakeRequest
from ratelimit.claim import (
    MAX_USED,
    Claim,
    ClaimState,
    CostExceedsClaim,
    CountersMissing,
    PolicyOutdated,
    TermsEnded,
)
from ratelimit.decision import Decision
from ratelimit.limit import CostExceedsBurst, Limit
from ratelimit.limiter import Limiter
from ratelimit.metrics import DecisionMetrics
from ratelimit.stores import BucketStore
from tests.conftest import Clock
from tests.ratelimit.claims.asking import DAY, START_S, quota, rate, seed

KEY = b"lk_0123456789ab"
OTHER = b"lk_0123456789ac"
LIMIT = Limit(10, 60)
A_MINUTE = rate(b"k:lk_0123456789ab:minute", Limit(3, 60))
A_DAY = quota(b"o:1:day", 2)
TOKENS = quota(b"k:lk_0123456789ab:tokens", 100, cost=40)


@dataclass
class Counted:
    """A metric that only counts."""

    times: int = 0

    def inc(self, amount: float = 1) -> None:
        self.times += int(amount)

    def observe(self, amount: float, count: int = 1) -> None:
        """Ignores how long it took."""


def take(store: BucketStore, *claims: Claim, cost: int = 1, key: bytes = KEY, limit: Limit | None = LIMIT) -> Decision:
    return Decision(limit, *store.take(key, limit, cost, 1, 0, claims), claims)


def test_all_are_taken(store: BucketStore) -> None:
    seed(store, A_DAY, TOKENS)
    decision = take(store, A_MINUTE, A_DAY, TOKENS)
    assert decision.allowed
    assert decision.remaining == 9
    assert decision.states == (
        ClaimState(0, refused=False, value=Limit(3, 60).price, wait_ns=0, ends_s=0),
        ClaimState(0, refused=False, value=1, wait_ns=0, ends_s=START_S + DAY),
        ClaimState(0, refused=False, value=40, wait_ns=0, ends_s=START_S + DAY),
    )
    assert store.peek(KEY).allowed == 1


def test_refusal_by_the_third_takes_nothing_of_the_others(store: BucketStore) -> None:
    seed(store, A_DAY)
    seed(store, TOKENS, used=70)
    before = store.peek_claims([A_MINUTE, A_DAY, TOKENS])
    decision = take(store, A_MINUTE, A_DAY, TOKENS)
    assert not decision.allowed
    assert not decision.refused_by_key
    assert [state.refused for state in decision.states] == [False, False, True]
    assert decision.states[2].wait_ns == DAY * 10**9
    assert decision.retry_after_seconds == DAY
    assert store.peek_claims([A_MINUTE, A_DAY, TOKENS]) == before
    assert decision.remaining == 10
    assert take(store, cost=10).allowed
    assert (store.peek(KEY).allowed, store.peek(KEY).throttled) == (1, 1)


def test_refusal_by_a_claim_leaves_a_full_bucket_full(store: BucketStore, clock: Clock) -> None:
    seed(store, A_DAY, used=2)
    take(store)
    clock.move(3600)
    assert not take(store, A_DAY).allowed
    clock.move(-1800)
    assert take(store, cost=10).allowed


def test_refusal_by_the_key_takes_nothing_of_its_claims(store: BucketStore, clock: Clock) -> None:
    seed(store, A_DAY)
    take(store, cost=10)
    decision = take(store, A_MINUTE, A_DAY)
    assert not decision.allowed
    assert decision.refused_by_key
    assert [state.value for state in decision.states] == [0, 0]
    assert decision.retry_after_seconds == 6
    clock.move(6)
    assert take(store, A_MINUTE, A_DAY).states[1].value == 1


def test_all_that_refuse_are_named_with_the_longest_wait(store: BucketStore) -> None:
    seed(store, A_DAY, used=2)
    take(store, A_MINUTE._replace(cost=3), cost=10)
    decision = take(store, A_MINUTE, A_DAY)
    assert decision.refused_by_key
    assert [state.refused for state in decision.states] == [True, True]
    assert [state.wait_ns for state in decision.states] == [20 * 10**9, DAY * 10**9]
    assert decision.retry_after_seconds == DAY


def test_requests_of_a_batch_share_a_counter(store: BucketStore) -> None:
    seed(store, A_DAY)
    requests: list[TakeRequest] = [(key, LIMIT, 1, 1, 0, (A_DAY,)) for key in (KEY, OTHER, KEY)]
    outcomes = store.take_many(requests)
    assert [isinstance(one, tuple) and one[0] for one in outcomes] == [True, True, False]
    assert store.quota_uses([A_DAY.counter]) == [(A_DAY.counter, A_DAY.definition, START_S + DAY, 2, 0)]
    assert (store.peek(KEY).allowed, store.peek(KEY).throttled) == (1, 1)


def test_cost_of_0_passes_while_anything_is_left(store: BucketStore) -> None:
    seed(store, A_DAY, used=1)
    free = (A_MINUTE._replace(cost=0), A_DAY._replace(cost=0))
    assert take(store, *free).allowed
    assert take(store, A_MINUTE._replace(cost=3), A_DAY).allowed
    decision = take(store, *free)
    assert [state.refused for state in decision.states] == [True, True]
    # As soon as the smallest part of a token is back.
    assert decision.states[0].wait_ns == 1


def test_observed_limits_are_counted_and_refuse_nothing(store: BucketStore) -> None:
    claims = (A_MINUTE._replace(enforced=False), A_DAY._replace(enforced=False))
    seed(store, A_DAY)
    for _ in range(6):
        decision = take(store, *claims)
    assert decision.allowed
    # The rate stays at a full bucket's debt.
    assert [state.value for state in decision.states] == [Limit(3, 60).capacity, 6]
    assert take(store, *claims, cost=10).allowed is False
    assert [one.value for one in store.peek_claims(claims) if isinstance(one, ClaimState)][1] == 6


def test_observed_quota_stays_at_the_most_that_a_counter_holds(store: BucketStore) -> None:
    observed = A_DAY._replace(enforced=False, cost=10**15)
    seed(store, A_DAY, used=MAX_USED - 1)
    assert take(store, observed).states[0].value == MAX_USED
    assert take(store, observed).states[0].value == MAX_USED


def test_unlimited_key_has_limits_of_its_plan(store: BucketStore) -> None:
    seed(store, A_DAY)
    assert [take(store, A_DAY, limit=None).allowed for _ in range(3)] == [True, True, False]
    assert store.peek(KEY).throttled == 1


def test_missing_counters_are_listed_at_once(store: BucketStore) -> None:
    with pytest.raises(CountersMissing) as raised:
        take(store, A_MINUTE, A_DAY, TOKENS)
    assert raised.value.counters == (A_DAY.counter, TOKENS.counter)
    assert store.peek(KEY).used_ns == 0
    (state,) = store.peek_claims([A_MINUTE])
    assert isinstance(state, ClaimState)
    assert state.value == 0


def test_the_next_term_applies_once_the_first_has_ended(store: BucketStore, clock: Clock) -> None:
    seed(store, A_DAY, used=2)
    clock.move(DAY - 1)
    assert not take(store, A_DAY).allowed
    clock.move(1)
    (state,) = take(store, A_DAY).states
    assert (state.term, state.value, state.ends_s) == (1, 1, START_S + 2 * DAY)


def test_ended_terms_are_answered_with_the_store_s_time(store: BucketStore, clock: Clock) -> None:
    seed(store, A_DAY)
    clock.move(2 * DAY)
    with pytest.raises(TermsEnded) as raised:
        take(store, TOKENS, A_DAY)
    assert raised.value.now_s == START_S + 2 * DAY
    assert store.peek(KEY).used_ns == 0


@pytest.mark.parametrize("seconds", [-1, -3600])
def test_period_starts_once_though_the_clock_steps_back(store: BucketStore, clock: Clock, seconds: int) -> None:
    seed(store, A_DAY, used=2)
    clock.move(DAY)
    assert take(store, A_DAY._replace(cost=2)).allowed
    clock.move(seconds)
    decision = take(store, A_DAY)
    assert not decision.allowed
    assert decision.states[0].ends_s == START_S + 2 * DAY


def test_open_period_ends_as_its_record_says(store: BucketStore, clock: Clock) -> None:
    seed(store, A_DAY, used=2)
    # Another node with other time zone data has the boundary an hour earlier.
    other = quota(A_DAY.counter, 2, ends_s=START_S + DAY - 3600)
    clock.move(DAY - 3600)
    assert not take(store, other).allowed
    clock.move(3600)
    assert take(store, other).allowed


def test_a_change_of_the_amount_keeps_what_is_spent(store: BucketStore) -> None:
    seed(store, A_DAY, used=2)
    assert not take(store, A_DAY).allowed
    assert take(store, quota(A_DAY.counter, 3)).states[0].value == 3
    assert not take(store, A_DAY).allowed
    take(store, A_MINUTE._replace(cost=3))
    larger = rate(A_MINUTE.counter, Limit(4, 60))
    assert take(store, larger).allowed
    assert not take(store, larger).allowed


def test_another_definition_starts_at_zero(store: BucketStore) -> None:
    seed(store, A_DAY, used=2)
    assert take(store, A_DAY._replace(definition=99)).states[0].value == 1
    assert take(store, A_MINUTE._replace(cost=3)).allowed
    assert take(store, A_MINUTE._replace(cost=3, definition=98)).allowed
    # The counter of a rate becomes one of a quota and back, without a look at the database.
    assert take(store, quota(A_MINUTE.counter, 2)).states[0].value == 1
    assert take(store, A_MINUTE._replace(cost=3)).allowed


def test_cost_above_all_that_a_limit_allows(store: BucketStore) -> None:
    seed(store, A_DAY)
    with pytest.raises(CostExceedsClaim) as raised:
        take(store, A_MINUTE._replace(cost=4), A_DAY._replace(cost=3))
    assert raised.value.counter == A_MINUTE.counter
    with pytest.raises(CostExceedsBurst, match="the bucket's burst of 10"):
        take(store, A_DAY._replace(cost=3), cost=11)
    assert store.peek(KEY).used_ns == 0
    assert take(store, A_MINUTE._replace(cost=4, enforced=False)).allowed


def test_newer_epoch_goes_before_the_claims(store: BucketStore) -> None:
    store.set_epoch(KEY, 2)
    assert store.take(KEY, LIMIT, 1, 1, 0, (A_DAY,)) == (False, 0, 0, 2, ())
    seed(store, A_DAY, used=2)
    assert store.take(KEY, LIMIT, 1, 1, 0, (A_DAY,)) == (False, 0, 0, 2, ())
    assert store.peek(KEY).throttled == 0


def test_newer_policies_go_before_the_epoch(store: BucketStore) -> None:
    assert store.policy() == 0
    store.set_policy(8)
    store.set_policy(7)
    assert store.policy() == 8
    store.set_epoch(KEY, 2)
    for claims in ((), (A_DAY,)):
        with pytest.raises(PolicyOutdated) as raised:
            store.take(KEY, LIMIT, 1, 1, 0, claims, 7)
        assert raised.value.newest == 8
    outdated = store.take_many([(KEY, LIMIT, 1, 2, 0, ()), (OTHER, None, 1, 0, 0, (A_MINUTE,))], 7)
    assert [one.newest for one in outdated if isinstance(one, PolicyOutdated)] == [8, 8]
    assert store.peek(KEY).used_ns == store.peek(OTHER).used_ns == 0
    assert store.take(KEY, LIMIT, 1, 2, 0, (), 8)[0]
    assert store.take(KEY, LIMIT, 1, 2, 0)[0]


def test_errors_of_one_request_leave_the_others_of_a_batch(store: BucketStore) -> None:
    seed(store, TOKENS)
    claims = ((A_DAY,), (TOKENS,), (TOKENS._replace(cost=101),), (TOKENS,))
    results = store.take_many([(KEY, LIMIT, 1, 1, 0, one) for one in claims])
    assert isinstance(results[0], CountersMissing)
    assert isinstance(results[2], CostExceedsClaim)
    assert store.quota_uses([TOKENS.counter]) == [(TOKENS.counter, TOKENS.definition, START_S + DAY, 80, 0)]
    assert store.peek(KEY).allowed == 2


def test_scans_yield_no_counters(store: BucketStore) -> None:
    seed(store, A_DAY)
    take(store, A_DAY, A_MINUTE)
    assert [key for key, _ in store.scan_records()] == [KEY]


def test_undecided_counts_as_neither_allowed_nor_throttled(store: BucketStore) -> None:
    counted = DecisionMetrics(Counted(), Counted(), Counted(), Counted(), Counted())
    limiter = Limiter(store, counted)
    asked: list[TakeRequest] = [(KEY, LIMIT, 1, 1, 0, (A_DAY,))]
    assert isinstance(limiter.take_many(asked)[0], CountersMissing)
    with pytest.raises(CountersMissing):
        limiter.take(KEY.decode(), LIMIT, cost=1, epoch=1, slot=0, claims=(A_DAY,))
    assert (counted.allowed, counted.throttled) == (Counted(0), Counted(0))
    seed(store, A_DAY, used=1)
    (decision,) = limiter.take_many(asked)
    assert isinstance(decision, Decision)
    assert decision.claims == (A_DAY,)
    assert not limiter.take(KEY.decode(), LIMIT, cost=1, epoch=1, slot=0, claims=(A_DAY,)).allowed
    assert (counted.allowed, counted.throttled) == (Counted(1), Counted(1))


@pytest.mark.parametrize("batched", [False, True])
def test_refused_request_is_counted_once_and_once_by_kind(store: BucketStore, batched: bool) -> None:
    counted = DecisionMetrics(Counted(), Counted(), Counted(), Counted(), Counted())
    limiter = Limiter(store, counted)
    observed = rate(b"k:lk_000000000001:seen", Limit(1, DAY), enforced=False)
    rates = tuple(rate(b"k:lk_000000000001:%s" % name, Limit(1, DAY)) for name in (b"a", b"b"))
    quotas = tuple(quota(b"o:1:%s" % name, 1) for name in (b"c", b"d"))
    seed(store, *quotas)

    def ask(limit: Limit, *claims: Claim) -> None:
        if batched:
            limiter.take_many([(KEY, limit, 1, 1, 0, claims)])
        else:
            limiter.take(KEY.decode(), limit, cost=1, epoch=1, slot=0, claims=claims)

    ask(LIMIT, *rates, *quotas, observed)
    assert (counted.allowed, counted.throttled) == (Counted(1), Counted(0))
    for claims, by_rate, by_quota in ((quotas, 0, 1), (rates, 1, 1), ((*rates, *quotas, observed), 2, 2)):
        ask(LIMIT, *claims)
        assert (counted.refused_by_rate, counted.refused_by_quota) == (Counted(by_rate), Counted(by_quota))
    # The key's own limit alone refuses: no limit of a plan does.
    ask(Limit(1, DAY), observed)
    assert (counted.allowed, counted.throttled) == (Counted(1), Counted(4))
    assert (counted.refused_by_rate, counted.refused_by_quota) == (Counted(2), Counted(2))


def test_threads_take_a_shared_quota_to_the_last_unit(store: BucketStore) -> None:
    shared, barrier = quota(b"o:2:month", 1000), Barrier(8)
    admitted: list[bool] = []
    seed(store, shared)

    def ask(thread: int) -> None:
        barrier.wait()
        own = Limit(1000, DAY)
        admitted.extend(
            store.take(b"lk_%012d" % (thread * 7 + number % 7), own, 1, 0, 0, (shared,))[0] for number in range(625)
        )

    threads = [Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 5000
    assert sum(admitted) == 1000
    records = dict(store.scan_records())
    assert sum(record.allowed for record in records.values()) == 1000
    # Nothing of the keys' own limits is lost for the 4,000 others: each bucket lacks what its key was allowed.
    for record in records.values():
        assert record.tat_ns - START_S * 10**9 == record.allowed * Limit(1000, DAY).price
