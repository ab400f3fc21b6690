"""Effective limits of a key or an owner: what its plans state, and what an override replaces."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from apikeys.models import Override
from ratelimit.claim import FOREVER_S, KEY_COUNTER_PREFIX, OWNER_PREFIX, Claim, Term
from ratelimit.limit import MAX_PLAN_BURST, Limit, parse_limit
from ratelimit.periods import Quota, period_ends
from ratelimit.plan_limit import Mode, PlanLimit, Shared

SUBJECT_KEY: Final = "key"
SUBJECT_OWNER: Final = "owner"

Limits = tuple[PlanLimit, ...]


class OverrideRow(NamedTuple):
    """An override: one of `rate`, `quota` and `concurrency`, before `until_s` in seconds since the Unix epoch."""

    id: int
    rate: Limit | None
    quota: int | None
    concurrency: int | None
    until_s: int

    @classmethod
    def of(cls, row: Override) -> "OverrideRow":
        """Return the override of a database row."""
        rate = parse_limit(row.rate, MAX_PLAN_BURST)
        return cls(row.pk, rate, row.quota, row.concurrency, int(row.until.timestamp()))

    def applied_to(self, limit: PlanLimit) -> PlanLimit:
        """Return the limit with the amount of the override. One of another kind changes nothing."""
        if limit.rate is not None and self.rate is not None:
            return replace(limit, rate=self.rate)
        if limit.quota is not None and self.quota is not None:
            return replace(limit, quota=replace(limit.quota, quota=self.quota))
        if limit.concurrency is not None and self.concurrency is not None:
            return replace(limit, concurrency=self.concurrency)
        return limit


Overrides = Mapping[str, OverrideRow]
"""Overrides of one subject, by the name of the limit."""


class OwnerFacts(NamedTuple):
    """What an owner contributes to the limits of its keys. `row` is the number of its row."""

    row: int
    slug: str
    plan: Limits
    anchor: date | None
    overrides: Overrides


class Basis(NamedTuple):
    """What the limits of a key depend on: its own plan, its owner, and its overrides. Equal ones give equal limits."""

    plan: Limits | None
    owner: OwnerFacts | None
    overrides: Overrides


class EffectiveLimit(NamedTuple):
    """A limit of a key or an owner: as the plan states it, its counter, and the override of it, if there is one.

    `subject` is "key", or "owner" if the owner's keys share it. `anchor` is the owner's, or else the key's.
    """

    limit: PlanLimit
    subject: str
    counter: bytes
    override: OverrideRow | None
    anchor: date | None

    def stated(self, now_s: int) -> PlanLimit:
        """Return the limit with the amount that applies at this time."""
        override = self.override
        return self.limit if override is None or override.until_s <= now_s else override.applied_to(self.limit)

    def terms(self, now_s: int) -> tuple[Term, ...]:
        """Return the term that applies at this time and the next one."""
        override = self.override
        ends_s = FOREVER_S if override is None or override.until_s <= now_s else override.until_s
        now = self.stated(now_s)
        if now.quota is not None:
            return self._quota_terms(now.quota, now_s, ends_s)
        first = _lasting_term(now, ends_s)
        return (first,) if ends_s == FOREVER_S else (first, _lasting_term(self.limit, FOREVER_S))

    def _quota_terms(self, quota: Quota, now_s: int, override_ends_s: int) -> tuple[Term, ...]:
        """Return the terms of a quota that is replaced at `override_ends_s` by what the plan states."""
        stated = self.limit.quota or quota
        end_s, next_s = period_ends(quota, self.anchor, now_s)
        if override_ends_s < end_s:
            return (
                Term(override_ends_s, None, quota.quota, end_s),
                Term(end_s, None, stated.quota, end_s),
            )
        first = Term(end_s, None, quota.quota, end_s)
        if end_s == FOREVER_S:
            return (first,)
        if override_ends_s == end_s:
            return (first, Term(next_s, None, stated.quota, next_s))
        return (first, Term(min(next_s, override_ends_s), None, quota.quota, next_s))

    def claim(self, cost: int, now_s: int) -> Claim:
        """Return what a request with this cost asks of the limit; of a limit of concurrency, one slot if it costs
        anything.
        """
        enforced = self.limit.mode is Mode.ENFORCE
        return Claim(self.counter, self.limit.definition, cost, enforced, self.terms(now_s))


def _lasting_term(limit: PlanLimit, until_s: int) -> Term:
    """Return the term of a rate or of a number of slots, which have no periods."""
    return Term(until_s, limit.rate, limit.concurrency or 0)


def limits_of_key(
    key_id: str, plan: Limits | None, owner: OwnerFacts | None, overrides: Overrides, issued: date | None = None
) -> tuple[EffectiveLimit, ...]:
    """Return the limits of a key: the key limits of its plan, or without one of its owner's plan, and the owner's
    shared ones.

    `issued` is the day on which the key was issued, the anchor of its own limits if its owner has none.
    """
    of_owner = owner.plan if owner else ()
    anchor = owner.anchor if owner and owner.anchor else issued
    own = (limit for limit in (of_owner if plan is None else plan) if limit.shared is Shared.KEY)
    found = [
        EffectiveLimit(limit, SUBJECT_KEY, key_counter(key_id, limit.name), overrides.get(limit.name), anchor)
        for limit in own
    ]
    return (*found, *(shared_limits(owner) if owner else ()))


def shared_limits(owner: OwnerFacts) -> Iterable[EffectiveLimit]:
    """Return the limits that the keys of an owner share."""
    return tuple(
        EffectiveLimit(
            limit,
            SUBJECT_OWNER,
            owner_counter(owner.row, limit.name),
            owner.overrides.get(limit.name),
            owner.anchor,
        )
        for limit in owner.plan
        if limit.shared is Shared.OWNER
    )


def key_counter(key_id: str, name: str) -> bytes:
    """Return the name of the counter of a key's limit."""
    return KEY_COUNTER_PREFIX + f"{key_id}:{name}".encode()


def owner_counter(row: int, name: str) -> bytes:
    """Return the name of the counter of a limit that the keys of an owner share."""
    return OWNER_PREFIX + f"{row}:{name}".encode()
