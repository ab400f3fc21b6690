"""Limits of plans in words, such as "1,000,000 tokens a month, shared by the owner"."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from latchkey.relative_time import format_duration
from ratelimit.limit import Limit
from ratelimit.periods import Per, Quota, Starts
from ratelimit.plan_limit import DEFAULT_UNIT, Mode, PlanLimit, Shared

PERIODS: Final = {1: "second", 60: "minute", 3600: "hour", 86_400: "day", 604_800: "week"}
"""Refill periods that have a word, by their seconds."""

_ARTICLES: Final = {"hour": "an"}


def limit_words(limit: PlanLimit) -> str:
    """Return the whole limit as a part of a sentence."""
    shared = ", shared by the owner" if limit.shared is Shared.OWNER else ""
    observed = ", only observed" if limit.mode is Mode.OBSERVE else ""
    return f"{amount_words(limit)}{shared}{observed}"


def plan_words(limits: Iterable[PlanLimit]) -> str:
    """Return all limits of a plan as one line."""
    return " · ".join(limit_words(limit) for limit in limits) or "No limits"


def amount_words(limit: PlanLimit) -> str:
    """Return how much the limit allows, such as "100 a second" or "5 at the same time"."""
    unit = "" if limit.unit == DEFAULT_UNIT else f" {limit.unit}"
    if limit.rate is not None:
        return rate_words(limit.rate, unit)
    if limit.quota is not None:
        return _quota_words(limit.quota, unit)
    return f"{limit.concurrency:,}{unit} at the same time"


def rate_words(rate: Limit, unit: str = "") -> str:
    """Return a rate, such as "100 tokens a second"; `unit` begins with a space, or is empty."""
    word = PERIODS.get(rate.per_seconds)
    period = _each(word) if word else f"per {format_duration(timedelta(seconds=rate.per_seconds))}"
    return f"{rate.burst:,}{unit} {period}"


def start_words(limit: PlanLimit) -> str:
    """Return when the periods of a quota begin, empty for other limits."""
    quota = limit.quota
    if quota is None:
        return ""
    if quota.per == Per.ONCE:
        return "never starts again"
    if quota.starts == Starts.ANCHOR:
        return f"on the anchor day of the owner, {quota.timezone}"
    beginning = {Per.HOUR: "at the full hour", Per.DAY: "at midnight", Per.WEEK: "on Monday", Per.MONTH: "on the 1st"}
    return f"{beginning[quota.per]}, {quota.timezone}"


def _quota_words(quota: Quota, unit: str) -> str:
    return f"{quota.quota:,}{unit} {'once' if quota.per == Per.ONCE else _each(quota.per.value)}"


def _each(period: str) -> str:
    return f"{_ARTICLES.get(period, 'a')} {period}"
