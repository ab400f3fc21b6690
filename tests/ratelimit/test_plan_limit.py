"""Lists of limits of a plan: what is valid, and every fault with its pointer."""

from typing import Any

import pytest

from ratelimit.limit import MAX_PLAN_BURST, Limit, LimitError
from ratelimit.periods import MAX_QUOTA, Per, Quota, Starts
from ratelimit.plan_limit import MAX_LIMITS, Mode, PlanLimit, Shared, parse_plan_limits

RATE = {"burst": 10, "per_seconds": 1}
MONTH = {"quota": 1000, "per": "month"}


def faults(*limits: Any) -> list[tuple[str, str]]:
    with pytest.raises(LimitError) as caught:
        parse_plan_limits(list(limits))
    assert all(error.detail.endswith(".") for error in caught.value.errors)
    return [(error.pointer, error.code) for error in caught.value.errors]


def test_limits_have_defaults() -> None:
    assert parse_plan_limits([{"name": "a", "rate": RATE}, {"name": "b", "quota": MONTH}]) == (
        PlanLimit("a", "requests", Mode.ENFORCE, Shared.KEY, rate=Limit(10, 1)),
        PlanLimit("b", quota=Quota(1000, Per.MONTH, "UTC", Starts.CALENDAR)),
    )
    assert parse_plan_limits([]) == ()


def test_json_of_a_limit_is_parsed_to_the_same_limit() -> None:
    full = {"quota": MAX_QUOTA, "per": "month", "timezone": "America/New_York", "starts": "anchor"}
    stated = [
        {"name": "t", "unit": "tokens", "mode": "observe", "shared": "owner", "quota": full},
        {
            "name": "r",
            "unit": "requests",
            "mode": "enforce",
            "shared": "key",
            "rate": {"burst": MAX_PLAN_BURST, "per_seconds": 60},
        },
        {"name": "c", "unit": "requests", "mode": "enforce", "shared": "key", "concurrency": 1000},
    ]
    assert [limit.as_json() for limit in parse_plan_limits(stated)] == stated


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (5, [("/0", "not-an-object")]),
        ({}, [("/0/name", "missing"), ("/0", "not-exactly-one")]),
        ({"name": "a"}, [("/0", "not-exactly-one")]),
        ({"name": "a", "rate": RATE, "quota": MONTH}, [("/0", "not-exactly-one")]),
        ({"name": "key", "rate": RATE}, [("/0/name", "reserved")]),
        ({"name": "address", "rate": RATE}, [("/0/name", "reserved")]),
        ({"name": "A", "rate": RATE}, [("/0/name", "not-a-name")]),
        ({"name": "a\n", "rate": RATE}, [("/0/name", "not-a-name")]),
        ({"name": "a" * 33, "rate": RATE}, [("/0/name", "not-a-name")]),
        ({"name": None, "rate": RATE}, [("/0/name", "not-a-string")]),
        ({"name": "a", "unit": "", "rate": RATE}, [("/0/unit", "not-a-name")]),
        ({"name": "a", "mode": "soft", "rate": RATE}, [("/0/mode", "not-a-choice")]),
        ({"name": "a", "mode": ["enforce"], "rate": RATE}, [("/0/mode", "not-a-choice")]),
        ({"name": "a", "shared": "all", "rate": RATE}, [("/0/shared", "not-a-choice")]),
        ({"name": "a", "rate": None}, [("/0/rate", "not-an-object")]),
        ({"name": "a", "rate": {"burst": MAX_PLAN_BURST + 1, "per_seconds": 1}}, [("/0/rate/burst", "out-of-range")]),
        (
            {"name": "a", "rate": {"burst": True}},
            [("/0/rate/burst", "not-an-integer"), ("/0/rate/per_seconds", "missing")],
        ),
        ({"name": "a", "quota": {"quota": 0, "per": "month"}}, [("/0/quota/quota", "out-of-range")]),
        ({"name": "a", "quota": {"quota": 1e3, "per": "month"}}, [("/0/quota/quota", "not-an-integer")]),
        (
            {"name": "a", "quota": {"quota": MAX_QUOTA + 1, "per": "year"}},
            [("/0/quota/quota", "out-of-range"), ("/0/quota/per", "not-a-choice")],
        ),
        ({"name": "a", "quota": {"quota": 1}}, [("/0/quota/per", "missing")]),
        ({"name": "a", "quota": {**MONTH, "timezone": "Mars/Olympus"}}, [("/0/quota/timezone", "not-a-timezone")]),
        ({"name": "a", "quota": {**MONTH, "timezone": "../../etc/passwd"}}, [("/0/quota/timezone", "not-a-timezone")]),
        ({"name": "a", "quota": {"quota": 1, "per": "day", "starts": "anchor"}}, [("/0/quota/starts", "not-a-month")]),
        ({"name": "a", "concurrency": 1001}, [("/0/concurrency", "out-of-range")]),
        ({"name": "a", "rate": RATE, "a/b": 1}, [("/0/a~1b", "unknown-member")]),
    ],
)
def test_invalid_limit_has_pointer_and_code(limit: Any, expected: list[tuple[str, str]]) -> None:
    assert faults(limit) == expected


def test_all_faults_of_all_limits_are_listed() -> None:
    assert faults({"name": "A", "rate": RATE}, {"name": "b", "rate": {"burst": 0, "per_seconds": 0}}) == [
        ("/0/name", "not-a-name"),
        ("/1/rate/burst", "out-of-range"),
        ("/1/rate/per_seconds", "out-of-range"),
    ]


def test_names_are_unique() -> None:
    assert faults({"name": "a", "rate": RATE}, {"name": "a", "quota": MONTH}) == [("/1/name", "duplicate")]


def test_limits_are_an_array_of_at_most_eight() -> None:
    assert faults(*({"name": f"n{number}", "rate": RATE} for number in range(MAX_LIMITS + 1))) == [("", "too-many")]
    with pytest.raises(LimitError) as caught:
        parse_plan_limits({"a": RATE})
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("", "not-an-array")]


def test_definition_is_what_a_counter_counts() -> None:
    def definition(**changes: Any) -> int:
        quota = {"quota": 5, "per": "month", "timezone": "UTC", "starts": "calendar", **changes.pop("quota", {})}
        (limit,) = parse_plan_limits([{"name": "a", "quota": quota, **changes}])
        assert 0 <= limit.definition < 1 << 48
        return limit.definition

    same = [
        definition(),
        definition(name="b"),
        definition(mode="observe"),
        definition(quota={"quota": 6}),
        definition(shared="owner"),
    ]
    others = [
        definition(unit="tokens"),
        *(definition(quota=change) for change in ({"per": "day"}, {"timezone": "Asia/Tokyo"}, {"starts": "anchor"})),
    ]
    assert len(set(same)) == 1
    assert len({same[0], *others}) == 5
    rate, slots = parse_plan_limits([{"name": "a", "rate": RATE}, {"name": "b", "concurrency": 5}])
    assert len({rate.definition, slots.definition, same[0]}) == 3
