"""Lookup of plans, owners and overrides, and of the limits of one key or owner as the database has them."""

from datetime import datetime
from typing import Final

from apikeys.models import APIKey, Override, Owner, Plan
from apikeys.policies.effective import (
    SUBJECT_KEY,
    SUBJECT_OWNER,
    EffectiveLimit,
    OverrideRow,
    OwnerFacts,
    limits_of_key,
    shared_limits,
)
from apikeys.policies.errors import LimitNotFound, OverrideNotFound, OwnerNotFound, PlanNotFound

# What may have been meant: the limit exists, but is counted for the other subject.
_ELSEWHERE: Final = {
    SUBJECT_KEY: "No plan gives the key itself a limit of this name. One that its owner's keys share is the owner's.",
    SUBJECT_OWNER: "The owner's keys share no limit of this name. A limit that each key has of its own is the key's.",
}


def find_plan(name: str) -> Plan:
    """Return the plan with this name. Raises PlanNotFound."""
    found = Plan.objects.filter(name=name).first()
    if found is None:
        raise PlanNotFound("No plan has this name.")
    return found


def find_owner(slug: str) -> Owner:
    """Return the owner with this slug. Raises OwnerNotFound."""
    found = Owner.objects.filter(slug=slug).first()
    if found is None:
        raise OwnerNotFound("No owner has this slug.")
    return found


def find_override(id: int) -> Override:
    """Return the override with this ID. Raises OverrideNotFound."""
    found = Override.objects.select_related("owner").filter(pk=id).first()
    if found is None:
        raise OverrideNotFound("No override has this ID.")
    return found


def limits_of_stored_key(key: APIKey, now: datetime) -> tuple[EffectiveLimit, ...]:
    """Return the limits of a key in addition to its rate limit, as the database has them."""
    plan = None if key.plan_name is None else find_plan(key.plan_name).parsed_limits
    owner = Owner.objects.filter(name=key.owner).first() if key.owner else None
    facts = facts_of(owner, now) if owner else None
    overrides = current_overrides(now, key_id=key.key_id)
    return limits_of_key(key.key_id, plan, facts, overrides, key.created_at.date())


def limits_of_stored_owner(owner: Owner, now: datetime) -> tuple[EffectiveLimit, ...]:
    """Return the limits that the keys of an owner share, as the database has them."""
    return tuple(shared_limits(facts_of(owner, now)))


def facts_of(owner: Owner, now: datetime) -> OwnerFacts:
    """Return what an owner contributes to the limits of its keys."""
    plan = () if owner.plan_name is None else find_plan(owner.plan_name).parsed_limits
    overrides = current_overrides(now, owner_id=owner.pk)
    return OwnerFacts(owner.pk, owner.slug, plan, owner.period_anchor, overrides)


def current_overrides(now: datetime, **subject: object) -> dict[str, OverrideRow]:
    """Return the overrides of a key (`key_id`) or an owner (`owner_id`) that have not ended, by limit."""
    rows = Override.objects.filter(ended_at__isnull=True, until__gt=now, **subject)
    return {row.limit: OverrideRow.of(row) for row in rows}


def named(limits: tuple[EffectiveLimit, ...], name: str, subject: str) -> EffectiveLimit:
    """Return the limit of this name that the subject itself has. Raises LimitNotFound."""
    for found in limits:
        if found.limit.name == name and found.subject == subject:
            return found
    raise LimitNotFound(_ELSEWHERE[subject])
