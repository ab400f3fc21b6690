"""Overrides in force, as pages list them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apikeys.models import Override
from apikeys.policies.effective import OverrideRow
from console.limits.words import rate_words


@dataclass(frozen=True, slots=True)
class OverrideLine:
    """An override with its amount in words."""

    override: Override
    amount: str


def overrides_in_force(now: datetime, **subject: Any) -> list[OverrideLine]:
    """Return the overrides of a key (`key`) or an owner (`owner`) that have not ended, by limit."""
    return override_lines(Override.objects.filter(ended_at=None, until__gt=now, **subject).order_by("limit"))


def override_lines(overrides: Iterable[Override]) -> list[OverrideLine]:
    """Return the overrides with their amounts in words."""
    return [OverrideLine(one, _amount(OverrideRow.of(one))) for one in overrides]


def _amount(row: OverrideRow) -> str:
    if row.rate is not None:
        return rate_words(row.rate)
    return f"{row.quota or row.concurrency or 0:,}"
