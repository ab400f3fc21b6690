"""Quotas near their end: the one of each subject in a list, and those of the whole installation for the overview.

They are read from the rows of the database, which are at most a minute old.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from django.urls import reverse

from apikeys.models import APIKey, Owner, QuotaUse
from apikeys.policies.effective import EffectiveLimit
from console.charts import share_bar
from console.limits.bars import NEAR_END, moment
from console.limits.effective import EffectiveLimits, limits_of_keys, limits_of_owners

MAX_ROWS: Final = 8
_READ: Final = 200
_S = TypeVar("_S")


@dataclass(frozen=True, slots=True)
class NearestQuota:
    """A quota and what is used of it."""

    limit: str
    used: int
    quota: int
    resets_at: datetime | None

    @property
    def share(self) -> float:
        """Return which part is used; above 1 if more was used than the quota is now."""
        return self.used / self.quota

    @property
    def left(self) -> int:
        """Return how many units are left."""
        return max(0, self.quota - self.used)

    @property
    def bar(self) -> str:
        """Return the bar of the share."""
        return share_bar(min(self.share, 1.0))


@dataclass(frozen=True, slots=True)
class Subject:
    """A quota near its end, with the name and the page of the key or owner that has it."""

    name: str
    kind: str
    url: str
    quota: NearestQuota


def nearest_quotas(limits: Mapping[_S, EffectiveLimits], now: datetime) -> dict[_S, NearestQuota]:
    """Return for each subject the quota of which the largest part is used. Those without a use are left out."""
    counters = {limit.counter.decode() for found in limits.values() for limit in found if limit.limit.quota}
    rows = _by_counter(QuotaUse.objects.filter(counter__in=counters)) if counters else {}
    nearest: dict[_S, NearestQuota] = {}
    for subject, found in limits.items():
        quotas = [quota for limit in found if (quota := _quota(limit, rows.get(limit.counter), now))]
        if quotas:
            nearest[subject] = max(quotas, key=lambda quota: quota.share)
    return nearest


def quotas_near_end(now: datetime) -> list[Subject]:
    """Return quotas of which 80 % or more is used, the fullest first, at most MAX_ROWS.

    If more than _READ have come so far, those that start again the soonest are looked at.
    """
    # By the index of the quotas that the steward has found near their end: there may be a million others.
    told = QuotaUse.objects.filter(told__gt=0, ends_s__gt=int(now.timestamp()))
    rows = list(told.order_by("-told", "ends_s")[:_READ])
    if not rows:
        return []
    named = [row.counter.split(":") for row in rows]
    keys = list(APIKey.objects.filter(key_id__in=[parts[1] for parts in named if parts[0] == "k"], revoked_at=None))
    owners = list(Owner.objects.filter(pk__in=[parts[1] for parts in named if parts[0] == "o"]))
    found = [*_of_keys(keys, rows, now), *_of_owners(owners, rows, now)]
    return sorted(found, key=lambda one: (-one.quota.share, one.name))[:MAX_ROWS]


def _of_keys(keys: Sequence[APIKey], rows: Sequence[QuotaUse], now: datetime) -> Iterable[Subject]:
    limits = limits_of_keys(keys, now) if keys else {}
    for key in keys:
        address = reverse("admin:apikeys_apikey_change", args=[key.key_id])
        own = tuple(limit for limit in limits[key.key_id] if limit.subject == "key")
        for quota in _near_end(own, rows, now):
            yield Subject(key.label, "key", address, quota)


def _of_owners(owners: Sequence[Owner], rows: Sequence[QuotaUse], now: datetime) -> Iterable[Subject]:
    limits = limits_of_owners(owners, now) if owners else {}
    for owner in owners:
        for quota in _near_end(limits[owner.pk], rows, now):
            yield Subject(str(owner), "owner", reverse("admin:apikeys_owner_change", args=[owner.slug]), quota)


def _near_end(limits: EffectiveLimits, rows: Sequence[QuotaUse], now: datetime) -> Iterable[NearestQuota]:
    known = _by_counter(rows)
    found = (_quota(limit, known.get(limit.counter), now) for limit in limits)
    return [quota for quota in found if quota is not None and quota.share >= NEAR_END]


def _quota(limit: EffectiveLimit, row: QuotaUse | None, now: datetime) -> NearestQuota | None:
    """Return the quota if the row is of its open period."""
    now_s = int(now.timestamp())
    stated = limit.stated(now_s)
    if row is None or stated.quota is None or row.definition != stated.definition or row.ends_s <= now_s:
        return None
    return NearestQuota(stated.name, row.used, stated.quota.quota, moment(row.ends_s))


def _by_counter(rows: Iterable[QuotaUse]) -> dict[bytes, QuotaUse]:
    return {row.counter.encode(): row for row in rows}
