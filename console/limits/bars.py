"""Bars of limits: what is used and left of each now, and when it starts again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from apikeys.policies.effective import SUBJECT_OWNER, EffectiveLimit
from apikeys.policies.limit_uses import LimitUse, read_uses, uses_in_database
from console.formatting import format_limit
from console.limits.words import amount_words
from ratelimit.claim import FOREVER_S
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.plan_limit import DEFAULT_UNIT, Mode
from ratelimit.stores.base import BucketStoreError

NEAR_END: Final = 0.8
"""Part of a limit from which on its bar shows a warning."""


@dataclass(frozen=True, slots=True)
class LimitBar:
    """One limit. `used` is None if it can't be read.

    `reset_seconds` is how long a bucket takes to be full again, and `resets_at` when the period of a quota ends; both
    are empty if that doesn't apply. `override` is the ID of the override in force, and `until` its end.
    """

    name: str
    text: str
    total: int
    used: int | None = None
    unit: str = ""
    kind: str = "rate"
    is_shared: bool = False
    is_observed: bool = False
    reset_seconds: int = 0
    resets_at: datetime | None = None
    override: int | None = None
    until: datetime | None = None

    @property
    def left(self) -> int:
        """Return what is left, 0 if more was used than the limit is."""
        return max(0, self.total - (self.used or 0))

    @property
    def warns_above(self) -> float:
        """Return the use from which on the bar shows a warning."""
        return self.total * NEAR_END

    @property
    def ends_above(self) -> float:
        """Return the use from which on the bar shows that nothing is left."""
        return self.total - 0.5


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of several limits. `is_live` is false if the bucket store is down: only quotas are known then, as the
    database has them.
    """

    bars: tuple[LimitBar, ...]
    is_live: bool = True


def key_bar(limit: Limit, used: int | None = None, reset_seconds: int = 0) -> LimitBar:
    """Return the bar of the rate limit of a key."""
    return LimitBar("key", format_limit(limit), limit.burst, used, reset_seconds=reset_seconds)


def bars_of(limits: Sequence[EffectiveLimit], limiter: Limiter, now: datetime) -> Bars:
    """Return the bars of the limits, in their order. Nothing is taken or written."""
    now_s = int(now.timestamp())
    try:
        uses, is_live = read_uses(limits, limiter, now_s), True
    except BucketStoreError:
        uses, is_live = uses_in_database(limits, now_s), False
    return Bars(tuple(_bar(use, now_s) for use in uses), is_live)


def _bar(use: LimitUse, now_s: int) -> LimitBar:
    stated = use.limit.stated(now_s)
    override = use.limit.override if stated is not use.limit.limit else None
    return LimitBar(
        name=stated.name,
        text=amount_words(stated),
        total=use.term.amount,
        used=use.used,
        unit="" if stated.unit == DEFAULT_UNIT else stated.unit,
        kind=stated.kind,
        is_shared=use.limit.subject == SUBJECT_OWNER,
        is_observed=stated.mode is Mode.OBSERVE,
        reset_seconds=use.reset_seconds,
        resets_at=moment(use.ends_s) if use.ends_s else None,
        override=override.id if override else None,
        until=moment(override.until_s) if override else None,
    )


def moment(seconds: int) -> datetime | None:
    """Return this time of the Unix epoch, or None for the end of what never ends."""
    return None if seconds >= FOREVER_S else datetime.fromtimestamp(seconds, UTC)
