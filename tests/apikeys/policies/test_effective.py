"""Which limits a key has, and the terms by which a store measures them."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from apikeys.policies.effective import EffectiveLimit, OverrideRow, OwnerFacts, limits_of_key, shared_limits
from ratelimit.claim import FOREVER_S, Term
from ratelimit.limit import Limit
from ratelimit.plan_limit import PlanLimit, parse_plan_limits
from tests.apikeys.policies.stated import quota, rate


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NOW = at("2026-11-30T12:00:00")
DECEMBER, JANUARY = at("2026-12-01T00:00:00"), at("2027-01-01T00:00:00")


def limit(stated: dict[str, Any], override: OverrideRow | None = None, anchor: date | None = None) -> EffectiveLimit:
    (parsed,) = parse_plan_limits([stated])
    return EffectiveLimit(parsed, "key", b"k:x:y", override, anchor)


def plan(*stated: dict[str, Any]) -> tuple[PlanLimit, ...]:
    return parse_plan_limits(list(stated))


def names(limits: tuple[EffectiveLimit, ...]) -> list[tuple[str, str, bytes]]:
    return [(found.limit.name, found.subject, found.counter) for found in limits]


def test_key_has_its_own_plan_or_that_of_its_owner_and_always_the_shared_limits() -> None:
    owner = OwnerFacts(7, "acme", plan(rate("each"), rate("all", shared="owner")), None, {})
    shared = ("all", "owner", b"o:7:all")
    assert names(limits_of_key("lk_1", None, owner, {})) == [("each", "key", b"k:lk_1:each"), shared]
    assert names(limits_of_key("lk_1", plan(rate("own")), owner, {})) == [("own", "key", b"k:lk_1:own"), shared]
    assert names(limits_of_key("lk_1", (), owner, {})) == [shared]
    assert names(limits_of_key("lk_1", plan(rate("own")), None, {})) == [("own", "key", b"k:lk_1:own")]
    assert limits_of_key("lk_1", None, None, {}) == ()
    assert names(tuple(shared_limits(owner))) == [shared]


def test_overrides_apply_to_the_limits_of_their_subject() -> None:
    override = OverrideRow(1, None, 5, None, FOREVER_S)
    owner = OwnerFacts(
        7, "acme", plan(quota("all", shared="owner"), quota("each")), None, {"all": override, "each": override}
    )
    each, shared = limits_of_key("lk_1", None, owner, {})
    assert (each.override, shared.override) == (None, override)
    each, shared = limits_of_key("lk_1", None, owner, {"each": override, "all": override})
    assert each.override == override


def override(until_s: int, **amount: Any) -> OverrideRow:
    kinds = {"rate": None, "quota": None, "concurrency": None, **amount}
    return OverrideRow(1, kinds["rate"], kinds["quota"], kinds["concurrency"], until_s)


@pytest.mark.parametrize(
    ("effective", "expected"),
    [
        (limit(rate("a")), [Term(FOREVER_S, Limit(10, 1))]),
        (
            limit(rate("a"), override(NOW + 60, rate=Limit(99, 1))),
            [Term(NOW + 60, Limit(99, 1)), Term(FOREVER_S, Limit(10, 1))],
        ),
        (limit(rate("a"), override(NOW, rate=Limit(99, 1))), [Term(FOREVER_S, Limit(10, 1))]),
        # An override of another kind belongs to a limit that had the name before.
        (limit(rate("a"), override(FOREVER_S, quota=5)), [Term(FOREVER_S, Limit(10, 1))]),
        (limit(quota("q")), [Term(DECEMBER, None, 1000, DECEMBER), Term(JANUARY, None, 1000, JANUARY)]),
        (
            limit(quota("q"), override(NOW + 60, quota=5)),
            [Term(NOW + 60, None, 5, DECEMBER), Term(DECEMBER, None, 1000, DECEMBER)],
        ),
        (
            limit(quota("q"), override(DECEMBER, quota=5)),
            [Term(DECEMBER, None, 5, DECEMBER), Term(JANUARY, None, 1000, JANUARY)],
        ),
        (
            limit(quota("q"), override(DECEMBER + 60, quota=5)),
            [Term(DECEMBER, None, 5, DECEMBER), Term(DECEMBER + 60, None, 5, JANUARY)],
        ),
        (
            limit(quota("q"), override(FOREVER_S, quota=5)),
            [Term(DECEMBER, None, 5, DECEMBER), Term(JANUARY, None, 5, JANUARY)],
        ),
        (limit(quota("q", per="once")), [Term(FOREVER_S, None, 1000, FOREVER_S)]),
        (
            limit(quota("q", per="once"), override(NOW + 60, quota=5)),
            [Term(NOW + 60, None, 5, FOREVER_S), Term(FOREVER_S, None, 1000, FOREVER_S)],
        ),
        (limit({"name": "c", "concurrency": 5}), [Term(FOREVER_S, None, 5)]),
        (
            limit({"name": "c", "concurrency": 5}, override(NOW + 60, concurrency=9)),
            [Term(NOW + 60, None, 9), Term(FOREVER_S, None, 5)],
        ),
    ],
)
def test_terms(effective: EffectiveLimit, expected: list[Term]) -> None:
    assert list(effective.terms(NOW)) == expected
    assert all(term.until_s > NOW for term in expected)


def test_anchor_of_the_owner_starts_months() -> None:
    stated = {"name": "q", "quota": {"quota": 5, "per": "month", "starts": "anchor"}}
    ends = [term.ends_s for term in limit(stated, anchor=date(2026, 1, 15)).terms(NOW)]
    assert ends == [at("2026-12-15T00:00:00"), at("2027-01-15T00:00:00")]


def test_stated_limit_has_the_amount_of_the_override_until_it_ends() -> None:
    for stated, amount in (
        (rate("a"), {"rate": Limit(99, 1)}),
        (quota("a"), {"quota": 99}),
        ({"name": "a", "concurrency": 5}, {"concurrency": 99}),
    ):
        found = limit(stated, override(NOW + 1, **amount))
        assert found.stated(NOW) == override(NOW + 1, **amount).applied_to(found.limit) != found.limit
        assert found.stated(NOW + 1) == found.limit


def test_claim_observes_or_enforces() -> None:
    assert limit(rate("a")).claim(3, NOW).enforced
    observed = limit(rate("a", mode="observe"))
    claim = observed.claim(3, NOW)
    assert (claim.enforced, claim.cost, claim.definition) == (False, 3, observed.limit.definition)
