"""A plan in words: a row of a table, or lines."""

from collections.abc import Mapping
from typing import Final

from latchkey.cli.table import Row

_PERIODS: Final = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month", "once": "once"}


def plan_row(plan: Row) -> dict[str, object]:
    """Return the fields of a plan that a list shows."""
    limits = _limits(plan)
    return {"name": plan.get("name"), "limits": "; ".join(f"{limit['name']}: {_text(limit)}" for limit in limits)}


def plan_lines(plan: Row) -> dict[str, object]:
    """Return all fields of a plan, with a line for each limit."""
    lines = {name: value for name, value in plan.items() if name != "limits"}
    return lines | {f"limit {limit['name']}": _text(limit) for limit in _limits(plan)}


def _limits(plan: Row) -> list[Mapping[str, object]]:
    limits = plan.get("limits")
    return limits if isinstance(limits, list) else []


def _text(limit: Mapping[str, object]) -> str:
    shared = ", shared by the owner's keys" if limit.get("shared") == "owner" else ""
    observed = ", only observed" if limit.get("mode") == "observe" else ""
    return f"{_number_text(limit)}{shared}{observed}"


def _number_text(limit: Mapping[str, object]) -> str:
    unit, rate, quota = limit.get("unit"), limit.get("rate"), limit.get("quota")
    if isinstance(rate, Mapping):
        return f"{rate.get('burst'):,} {unit} per {rate.get('per_seconds'):,} s"
    if isinstance(quota, Mapping):
        zone = quota.get("timezone", "UTC")
        where = f" ({zone})" if zone != "UTC" else ""
        start = ", from the owner's anchor" if quota.get("starts") == "anchor" else ""
        per = str(quota.get("per"))
        return f"{quota.get('quota'):,} {unit} {_PERIODS.get(per, per)}{where}{start}"
    return f"{limit.get('concurrency')} at the same time"
