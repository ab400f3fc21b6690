"""Header fields of a key with a plan: which limits they list, which is the tightest, and the prepared format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.claim import FOREVER_S, Claim, ClaimState, Term
from ratelimit.decision import Decision
from ratelimit.headers import encode_plan_headers, rate_limit_headers
from ratelimit.limit import Limit
from ratelimit.periods import Per, Quota
from ratelimit.plan_limit import Mode, PlanLimit
from ratelimit.shown_limits import ShownLimits
from ratelimit.violations import retry_after_seconds, violated_policies

NOW_S = 1_800_000_000
MONTH_ENDS_S = NOW_S + 1000
LIMITS = {
    "rate": PlanLimit("rate", rate=Limit(7, 60)),
    "tokens": PlanLimit("tokens", unit="tokens", rate=Limit(1000, 3600)),
    "month": PlanLimit("month", quota=Quota(100, Per.MONTH)),
    "trial": PlanLimit("trial", quota=Quota(100, Per.ONCE)),
    "soft": PlanLimit("soft", mode=Mode.OBSERVE, quota=Quota(1, Per.DAY)),
}


def claim(limit: PlanLimit) -> Claim:
    ends_s = FOREVER_S if limit.quota and limit.quota.per is Per.ONCE else MONTH_ENDS_S
    term = Term(ends_s, None, limit.quota.quota, ends_s) if limit.quota else Term(FOREVER_S, limit.rate)
    return Claim(b"k:lk_0123456789ab:" + limit.name.encode(), 1, 1, limit.mode is Mode.ENFORCE, (term,))


def state(limit: PlanLimit, used: int, wait_s: int = 0) -> ClaimState:
    value = used * limit.rate.price if limit.rate else used
    ends_s = claim(limit).terms[0].ends_s
    return ClaimState(0, wait_s > 0, value, wait_s * 10**9, ends_s)


def decision(used: dict[str, int], own: tuple[Limit, int] | None, shown: ShownLimits | None = None) -> Decision:
    limits = tuple(LIMITS[name] for name in used)
    shown = shown or ShownLimits(limits, tuple(limit for name, limit in LIMITS.items() if name not in used))
    debt = own[1] * own[0].price if own else 0
    states = tuple(state(limit, used[limit.name]) for limit in limits)
    return Decision(own and own[0], True, debt, 0, 1, states, tuple(map(claim, limits)), shown, NOW_S)


OWN = Limit(10, 60)


def fields_of(used: dict[str, int], own: tuple[Limit, int] | None = (OWN, 1)) -> dict[str, str]:
    return dict(rate_limit_headers(decision(used, own)))


def test_policy_lists_all_and_state_the_claimed() -> None:
    fields = fields_of({"month": 3, "trial": 1})
    assert fields["RateLimit-Policy"] == (
        '"key";q=10;w=60, "month";q=100;w=2592000, "trial";q=100, "rate";q=7;w=60, '
        '"tokens";q=1000;w=3600;qu="tokens", "soft";q=1;w=86400'
    )
    assert fields["RateLimit"] == '"key";r=9;t=6, "month";r=97;t=1000, "trial";r=99'


@pytest.mark.parametrize(
    ("used", "own", "tightest"),
    [
        ({"month": 3}, (OWN, 1), ("10", "9", "6")),
        ({"month": 11}, (OWN, 1), ("100", "89", "1000")),
        ({"month": 10}, (OWN, 1), ("100", "90", "1000")),  # equal parts: the one that is full later
        ({"trial": 10, "month": 10}, (OWN, 1), ("100", "90", None)),
        ({"soft": 1}, (OWN, 1), ("10", "9", "6")),
        ({"soft": 1}, None, (None, None, None)),
        ({"tokens": 500}, None, ("1000", "500", "1800")),
        ({"month": 200}, None, ("100", "0", "1000")),  # the quota was lowered
    ],
)
def test_tightest(used: dict[str, int], own: tuple[Limit, int] | None, tightest: tuple[str | None, ...]) -> None:
    fields = fields_of(used, own)
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    assert tuple(map(fields.get, names)) == tightest


used_of_all = st.fixed_dictionaries(
    {}, optional={name: st.integers(0, 7 if name == "rate" else 150) for name in LIMITS}
)


@given(used_of_all, st.none() | st.tuples(st.just(OWN), st.integers(0, 10)), st.data())
def test_prepared_format_is_the_same(used: dict[str, int], own: tuple[Limit, int] | None, data: st.DataObject) -> None:
    shown = decision(used, own).shown
    for _ in range(3):
        one = decision({name: data.draw(st.integers(0, 7)) for name in used}, own, shown)
        expected = "".join(f"{name.lower()}: {value}\r\n" for name, value in rate_limit_headers(one)).encode()
        assert encode_plan_headers(one) == expected


def test_another_term_is_not_shown_by_the_prepared_format() -> None:
    first = decision({"month": 1}, None)
    encode_plan_headers(first)
    (month,) = first.claims
    later = month._replace(terms=(*month.terms, Term(FOREVER_S, None, 50, FOREVER_S)))
    second = first._replace(claims=(later,), measured=(first.states[0]._replace(term=1),))
    assert b"x-ratelimit-limit: 50\r\n" in encode_plan_headers(second)


def test_refusals() -> None:
    limits = (LIMITS["rate"], LIMITS["month"])
    states = (state(limits[0], 7, 9), state(limits[1], 100, 1000))
    refused = decision({"rate": 7, "month": 100}, (OWN, 10))._replace(allowed=False, wait_ns=6 * 10**9, measured=states)
    assert violated_policies(refused) == ["key", "rate", "month"]
    assert dict(rate_limit_headers(refused))["Retry-After"] == "1000"
    only = refused._replace(wait_ns=0, measured=(states[0], state(limits[1], 1)))
    assert (violated_policies(only), retry_after_seconds(only)) == (["rate"], 9)


def test_refused_by_a_quota_that_never_starts_again() -> None:
    states = (state(LIMITS["trial"], 100, 10**9),)
    refused = decision({"trial": 100}, (OWN, 10))._replace(allowed=False, wait_ns=6 * 10**9, measured=states)
    assert "Retry-After" not in dict(rate_limit_headers(refused))
