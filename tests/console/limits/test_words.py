"""Limits in words."""

import pytest

from console.limits.amounts import WholeNumberField
from console.limits.words import limit_words, plan_words, start_words
from ratelimit.plan_limit import parse_plan_limits


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"rate": {"burst": 100, "per_seconds": 1}}, "100 a second"),
        ({"rate": {"burst": 5000, "per_seconds": 3600}, "unit": "tokens"}, "5,000 tokens an hour"),
        ({"rate": {"burst": 10, "per_seconds": 90}}, "10 per 90 seconds"),
        ({"quota": {"quota": 1_000_000, "per": "month"}, "shared": "owner"}, "1,000,000 a month, shared by the owner"),
        ({"quota": {"quota": 7, "per": "once"}, "mode": "observe"}, "7 once, only observed"),
        ({"concurrency": 5}, "5 at the same time"),
    ],
)
def test_limit_in_words(limit: dict[str, object], words: str) -> None:
    assert limit_words(*parse_plan_limits([{"name": "x", **limit}])) == words


def test_plan_in_words() -> None:
    limits = [{"name": "a", "concurrency": 5}, {"name": "b", "quota": {"quota": 3, "per": "day"}}]
    assert plan_words(parse_plan_limits(limits)) == "5 at the same time · 3 a day"
    assert plan_words(()) == "No limits"


@pytest.mark.parametrize(
    ("quota", "words"),
    [
        ({"per": "day", "timezone": "Europe/Berlin"}, "at midnight, Europe/Berlin"),
        ({"per": "month"}, "on the 1st, UTC"),
        ({"per": "month", "starts": "anchor"}, "on the anchor day of the owner, UTC"),
        ({"per": "once"}, "never starts again"),
    ],
)
def test_start_in_words(quota: dict[str, object], words: str) -> None:
    assert start_words(*parse_plan_limits([{"name": "x", "quota": {"quota": 1, **quota}}])) == words


@pytest.mark.parametrize("text", ["1000000", "1,000,000", "1 000 000", "1_000_000"])
def test_number_may_have_separators(text: str) -> None:
    assert WholeNumberField().clean(text) == 1_000_000
    assert WholeNumberField().prepare_value(1_000_000) == "1,000,000"


@pytest.mark.parametrize("text", ["-1", "1.5", "1,00", "ten", "9" * 19, "\u0661"])
def test_number_is_whole(text: str) -> None:
    with pytest.raises(Exception, match=r"Enter a whole number, for example 1,000,000\."):
        WholeNumberField().clean(text)
