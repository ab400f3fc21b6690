"""Bars of limits: what is used and left of each now, and when it starts again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from apikeys.models import QuotaUse
from apikeys.policies.effective import SUBJECT_OWNER, EffectiveLimit
from console.formatting import format_limit
from console.limits.words import amount_words
from ratelimit.claim import FOREVER_S, Claim, ClaimState, TermsEnded
from ratelimit.decision import Decision
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
        claims, states = _look(limits, limiter, now_s)
        is_live = True
    except BucketStoreError:
        claims, states, is_live = _claims(limits, now_s), {}, False
    unknown = [counter for counter, claim in claims.items() if counter not in states and claim.terms[0].limit is None]
    rows = {row.counter.encode(): row for row in QuotaUse.objects.filter(counter__in=[one.decode() for one in unknown])}
    found = [
        _bar(limit, claims[limit.counter], states.get(limit.counter), rows.get(limit.counter), now_s)
        for limit in limits
    ]
    return Bars(tuple(found), is_live)


def _claims(limits: Sequence[EffectiveLimit], now_s: int) -> dict[bytes, Claim]:
    return {limit.counter: limit.claim(0, now_s) for limit in limits}


def _look(
    limits: Sequence[EffectiveLimit], limiter: Limiter, now_s: int
) -> tuple[dict[bytes, Claim], dict[bytes, ClaimState]]:
    """Return the claims, and the states of those whose counters the store has. Raises BucketStoreError."""
    claims = _claims(limits, now_s)
    if not claims:
        return {}, {}
    states = limiter.peek_claims(list(claims.values()))
    ended = next((state for state in states if isinstance(state, TermsEnded)), None)
    if ended is not None:
        # The store's clock is ahead of this one.
        claims = _claims(limits, ended.now_s)
        states = limiter.peek_claims(list(claims.values()))
    known = zip(claims, states, strict=True)
    return claims, {counter: state for counter, state in known if isinstance(state, ClaimState)}


def _bar(limit: EffectiveLimit, claim: Claim, state: ClaimState | None, row: QuotaUse | None, now_s: int) -> LimitBar:
    stated = limit.stated(now_s)
    override = limit.override if stated is not limit.limit else None
    usual = {
        "name": stated.name,
        "text": amount_words(stated),
        "unit": "" if stated.unit == DEFAULT_UNIT else stated.unit,
        "kind": stated.kind,
        "is_shared": limit.subject == SUBJECT_OWNER,
        "is_observed": stated.mode is Mode.OBSERVE,
        "override": override.id if override else None,
        "until": moment(override.until_s) if override else None,
    }
    term = claim.terms[state.term if state else 0]
    if term.counts_slots:
        return LimitBar(total=term.quota, used=state.value if state else None, **usual)  # type: ignore[arg-type]
    if term.limit is not None:
        rate = _of_rate(term.limit, state.value) if state else {}
        return LimitBar(total=term.limit.burst, **rate, **usual)  # type: ignore[arg-type]
    if state is not None:
        used, ends_s = state.value, state.ends_s
    elif row is not None and row.definition == claim.definition and row.ends_s > now_s:
        used, ends_s = row.used, row.ends_s
    else:
        used, ends_s = 0, term.ends_s
    return LimitBar(total=term.quota, used=used, resets_at=moment(ends_s), **usual)  # type: ignore[arg-type]


def _of_rate(rate: Limit, debt: int) -> dict[str, int]:
    bucket = Decision(rate, True, debt, 0, 0)
    return {"used": rate.burst - bucket.remaining, "reset_seconds": bucket.reset_seconds}


def moment(seconds: int) -> datetime | None:
    """Return this time of the Unix epoch, or None for the end of what never ends."""
    return None if seconds >= FOREVER_S else datetime.fromtimestamp(seconds, UTC)
