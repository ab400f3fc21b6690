"""Effective limits of many keys or owners, read in a constant number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from apikeys.models import APIKey, Override, Owner, Plan
from apikeys.policies.effective import EffectiveLimit, Limits, OverrideRow, OwnerFacts, limits_of_key, shared_limits

EffectiveLimits = tuple[EffectiveLimit, ...]
Names = Iterable[str | None]
_Overrides = Mapping[int | str, dict[str, OverrideRow]]


def limits_of_owners(owners: Sequence[Owner], now: datetime) -> dict[int, EffectiveLimits]:
    """Return the limits that the keys of each owner share, by the number of its row."""
    plans = _plans(owner.plan_name for owner in owners)
    overrides = _overrides(now, Q(owner__in=[owner.pk for owner in owners]))
    return {owner.pk: tuple(shared_limits(_facts(owner, plans, overrides))) for owner in owners}


def limits_of_keys(keys: Sequence[APIKey], now: datetime) -> dict[str, EffectiveLimits]:
    """Return all limits of each key in addition to its rate limit, by its key ID."""
    owners = {owner.name: owner for owner in Owner.objects.filter(name__in={key.owner for key in keys} - {""})}
    plans = _plans([*(key.plan_name for key in keys), *(owner.plan_name for owner in owners.values())])
    owned = [owner.pk for owner in owners.values()]
    overrides = _overrides(now, Q(key__in=[key.key_id for key in keys]) | Q(owner__in=owned))
    return {
        key.key_id: limits_of_key(
            key.key_id,
            None if key.plan_name is None else plans[key.plan_name],
            _facts(owners[key.owner], plans, overrides) if key.owner in owners else None,
            overrides.get(key.key_id, {}),
        )
        for key in keys
    }


def _plans(names: Names) -> dict[str, Limits]:
    wanted = {name for name in names if name is not None}
    return {plan.name: plan.parsed_limits for plan in Plan.objects.filter(name__in=wanted)} if wanted else {}


def _overrides(now: datetime, subjects: Q) -> _Overrides:
    """Return the overrides that have not ended, by the owner's number or the key's ID, and by limit."""
    found: dict[int | str, dict[str, OverrideRow]] = {}
    for row in Override.objects.filter(subjects, ended_at__isnull=True, until__gt=now):
        subject = row.key_text or row.owner_id
        assert subject is not None  # noqa: S101 - a constraint of the table
        found.setdefault(subject, {})[row.limit] = OverrideRow.of(row)
    return found


def _facts(owner: Owner, plans: Mapping[str, Limits], overrides: _Overrides) -> OwnerFacts:
    plan = () if owner.plan_name is None else plans[owner.plan_name]
    return OwnerFacts(owner.pk, owner.slug, plan, owner.period_anchor, overrides.get(owner.pk, {}))
