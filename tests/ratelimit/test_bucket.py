"""The bucket's arithmetic, compared with a table of cases and with exact rational numbers."""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ratelimit import bucket
from ratelimit.bucket import EMPTY, MAX_EPOCH, Outcome, Record
from ratelimit.decision import Decision
from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS, NS_PER_SECOND, CostExceedsBurst, Limit

T0 = 1_800_000_000_000_000_000
SECOND = NS_PER_SECOND


KEY = b"k"


class OneCell(dict[bytes, bytes]):
    """Cells that hold one record."""

    put = dict.__setitem__


def take(
    raw: bytes, limit: Limit | None, cost: int, epoch: int, slot: int, now_ns: int
) -> tuple[Outcome, bytes | None]:
    """The outcome and the record that was written, None where none was."""
    cells = OneCell() if raw == EMPTY else OneCell({KEY: raw})
    outcome = bucket.take(cells, KEY, limit, cost, epoch, slot, now_ns)
    written = cells.get(KEY)
    return outcome, None if written == raw else written


@dataclass
class Step:
    """One request: at how many seconds, for how many tokens, and what comes of it."""

    at: float
    cost: int
    allowed: bool
    remaining: int
    next_token: int
    reset: int
    retry_after: int = 1


CASES: dict[str, tuple[Limit, list[Step]]] = {
    "one each second": (
        Limit(3, 3),
        [
            Step(0, 1, True, 2, 1, 1),
            Step(0, 1, True, 1, 1, 2),
            Step(0, 1, True, 0, 1, 3),
            Step(0, 1, False, 0, 1, 3, 1),
            Step(0.5, 1, False, 0, 1, 3, 1),
            Step(1, 1, True, 0, 1, 3),
            Step(4, 1, True, 2, 1, 1),
        ],
    ),
    "a cost of several": (
        Limit(10, 60),
        [
            Step(0, 7, True, 3, 6, 42),
            Step(0, 4, False, 3, 6, 42, 6),
            Step(0, 3, True, 0, 6, 60),
            Step(0, 10, False, 0, 6, 60, 60),
            Step(60, 10, True, 0, 6, 60),
        ],
    ),
    "a month for one": (
        Limit(1, MAX_PER_SECONDS),
        [
            Step(0, 1, True, 0, MAX_PER_SECONDS, MAX_PER_SECONDS),
            Step(MAX_PER_SECONDS - 1, 1, False, 0, 1, 1, 1),
            Step(MAX_PER_SECONDS, 1, True, 0, MAX_PER_SECONDS, MAX_PER_SECONDS),
        ],
    ),
    "an idle bucket holds no more than it holds": (
        Limit(2, 1),
        [
            Step(0, 2, True, 0, 1, 1),
            Step(1000, 2, True, 0, 1, 1),
            Step(1000, 1, False, 0, 1, 1, 1),
        ],
    ),
    "a clock that steps back an hour": (
        Limit(5, 10),
        [
            Step(0, 2, True, 3, 2, 4),
            Step(-3600, 1, False, 0, 2, 10, 2),
            Step(-3598, 1, True, 0, 2, 10),
            Step(-3588, 5, True, 0, 2, 10),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    limit, steps = CASES[name]
    raw = EMPTY
    for step in steps:
        outcome, changed = take(raw, limit, step.cost, 0, 0, T0 + round(step.at * SECOND))
        assert changed is not None
        raw = changed
        decision = Decision(limit, *outcome)
        found = (decision.allowed, decision.remaining, decision.next_token_seconds, decision.reset_seconds)
        assert found == (step.allowed, step.remaining, step.next_token, step.reset), step
        if not step.allowed:
            assert decision.retry_after_seconds == step.retry_after, step


LIMITS = st.builds(
    Limit,
    st.integers(1, 20) | st.integers(1, MAX_BURST) | st.sampled_from([999_983, 999_999, MAX_BURST, 60, 7]),
    st.integers(1, 20) | st.integers(1, MAX_PER_SECONDS) | st.sampled_from([1, 60, 3600, MAX_PER_SECONDS]),
)
# A step of time in nanoseconds, and what is asked for then as a percentage of the burst.
STEPS = st.tuples(
    st.integers(0, 10**18) | st.integers(0, 10**6) | st.integers(0, 10**12) | st.just(0), st.integers(1, 100)
)
STEPS_BACK = st.tuples(st.integers(-(10**18), 10**18) | st.integers(-(10**12), 10**12), st.integers(1, 100))


@settings(max_examples=400, deadline=None)
@given(LIMITS, st.lists(STEPS, min_size=1, max_size=60))
@example(Limit(60, 1), [(0, 100)] * 3 + [(16_666_666, 2), (1, 2)])
@example(Limit(999_999, 1), [(0, 100), (1000, 1), (1001, 1)])
def test_equals_exact_rational_arithmetic(limit: Limit, steps: list[tuple[int, int]]) -> None:
    """Each decision is that of a bucket kept in fractions, so it lets through neither more nor less, to the token."""
    raw, now = EMPTY, T0
    tokens = Fraction(limit.burst)
    rate = Fraction(limit.burst, limit.per_seconds * SECOND)
    for elapsed, percent in steps:
        now += elapsed
        tokens = min(Fraction(limit.burst), tokens + elapsed * rate)
        cost = max(1, limit.burst * percent // 100)
        (allowed, debt, wait_ns, *_), changed = take(raw, limit, cost, 0, 0, now)
        assert changed is not None
        raw = changed
        assert allowed == (tokens >= cost)
        if allowed:
            tokens -= cost
            assert wait_ns == 0
        else:
            lacking = (cost - tokens) / rate
            assert wait_ns - 1 < lacking <= wait_ns
        assert Fraction(debt, limit.price) == limit.burst - tokens


@settings(max_examples=400, deadline=None)
@given(LIMITS, st.lists(STEPS_BACK, min_size=1, max_size=60))
def test_clock_set_back_gives_no_tokens(limit: Limit, steps: list[tuple[int, int]]) -> None:
    raw, now = EMPTY, T0
    full = tokens = Fraction(limit.burst)
    rate = Fraction(limit.burst, limit.per_seconds * SECOND)
    for elapsed, percent in steps:
        elapsed = max(-now, elapsed)
        now += elapsed
        cost = max(1, limit.burst * percent // 100)
        (allowed, debt, wait_ns, *_), changed = take(raw, limit, cost, 0, 0, now)
        assert changed is not None
        raw = changed
        left = limit.burst - Fraction(debt, limit.price)
        before = left + cost if allowed else left
        if elapsed >= 0:
            assert before == min(full, tokens + elapsed * rate) or (before >= tokens and tokens == before == full)
        else:
            assert max(Fraction(0), tokens + elapsed * rate) <= before <= tokens
        assert wait_ns <= limit.per_seconds * SECOND
        tokens = left


@settings(max_examples=200, deadline=None)
@given(LIMITS, st.lists(st.tuples(st.integers(0, 10**11), st.integers(1, 30)), min_size=1, max_size=60))
def test_no_window_admits_more_than_the_bound(limit: Limit, steps: list[tuple[int, int]]) -> None:
    raw, now = EMPTY, T0
    passed: list[tuple[int, int]] = []
    for elapsed, percent in steps:
        now += elapsed
        cost = max(1, limit.burst * percent // 100)
        (allowed, *_), changed = take(raw, limit, cost, 0, 0, now)
        raw = changed or raw
        passed.append((now, cost if allowed else 0))
    for first in range(len(passed)):
        admitted = 0
        for at, cost in passed[first:]:
            admitted += cost
            window = at - passed[first][0]
            assert admitted * limit.per_seconds * SECOND <= limit.burst * (limit.per_seconds * SECOND + window)


@settings(max_examples=200, deadline=None)
@given(LIMITS, st.integers(1, 100), st.integers(0, 10**10))
def test_request_after_retry_after_is_allowed(limit: Limit, percent: int, later: int) -> None:
    cost = max(1, limit.burst * percent // 100)
    _, raw = take(EMPTY, limit, limit.burst, 0, 0, T0)
    assert raw is not None
    (allowed, debt, wait_ns, epoch, _), raw = take(raw, limit, cost, 0, 0, T0 + later)
    assert raw is not None
    if allowed:
        return
    seconds = Decision(limit, allowed, debt, wait_ns, epoch).retry_after_seconds
    (just_before, *_), _ = take(raw, limit, cost, 0, 0, T0 + later + wait_ns - 1)
    (then, *_), _ = take(raw, limit, cost, 0, 0, T0 + later + wait_ns)
    (as_told, *_), _ = take(raw, limit, cost, 0, 0, T0 + later + seconds * SECOND)
    assert (just_before, then, as_told) == (False, True, True)


@settings(max_examples=300, deadline=None)
@given(LIMITS, LIMITS, st.integers(0, 100), st.integers(0, 10**13))
def test_a_new_limit_keeps_what_was_spent(old: Limit, new: Limit, percent: int, later: int) -> None:
    spent = old.burst * percent // 100
    raw = EMPTY
    if spent:
        _, changed = take(raw, old, spent, 0, 0, T0)
        assert changed is not None
        raw = changed
    left = max(Fraction(0), spent - Fraction(later * old.burst, old.per_seconds * SECOND))
    _, debt, *_ = bucket.peek(Record.load(raw), new, T0 + later)
    still_spent = Fraction(debt, new.price)
    expected = min(Fraction(new.burst), left)
    assert expected <= still_spent <= expected + Fraction(1, new.price)


def test_denied_requests_cost_nothing() -> None:
    limit = Limit(1, 10)
    _, raw = take(EMPTY, limit, 1, 0, 0, T0)
    for tenth in range(1, 100):
        assert raw is not None
        (allowed, *_), raw = take(raw, limit, 1, 0, 0, T0 + tenth * SECOND // 10)
        assert not allowed
    assert raw is not None
    (allowed, *_), _ = take(raw, limit, 1, 0, 0, T0 + 10 * SECOND)
    assert allowed


def test_a_stale_epoch_decides_and_counts_nothing() -> None:
    raw = Record(epoch=5, allowed=3).dump()
    assert take(raw, Limit(1, 1), 1, 4, 0, T0) == ((False, 0, 0, 5, ()), None)
    (allowed, _, _, epoch, _), changed = take(raw, Limit(1, 1), 1, 6, 1, T0)
    assert changed is not None
    assert (allowed, epoch) == (True, 6)
    assert Record.load(changed)._replace(tat_ns=0, limit_code=0) == Record(0, 0, 4, 0, 0, T0, 0, 6)


def test_unlimited_key_is_counted_and_keeps_its_bucket() -> None:
    limit = Limit(10, 10)
    _, raw = take(EMPTY, limit, 10, 0, 0, T0)
    assert raw is not None
    outcome, raw = take(raw, None, 1, 0, 0, T0)
    assert outcome == (True, 0, 0, 0, ())
    assert raw is not None
    assert Record.load(raw).allowed == 2
    (allowed, *_), _ = take(raw, limit, 1, 0, 0, T0)
    assert not allowed


def test_cost_above_burst_is_an_error() -> None:
    with pytest.raises(CostExceedsBurst):
        take(EMPTY, Limit(5, 1), 6, 0, 0, T0)


def test_record_survives_its_bytes() -> None:
    record = Record(2**64 - 1, 2**63, 3, 4, 5, 6, 999_999, MAX_EPOCH)
    assert Record.load(record.dump()) == record
    assert len(record.dump()) == 56


def test_unlimited_decision_has_no_numbers() -> None:
    decision = Decision(None, True, 0, 0, 1)
    assert (decision.remaining, decision.next_token_seconds, decision.reset_seconds) == (0, 0, 0)
