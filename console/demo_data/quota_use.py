"""What is used of the demo's quotas: as much as its keys were used in the current period."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Sum

from apikeys.models import Owner, QuotaUse, Usage, UsageStep
from apikeys.policies.lookup import limits_of_stored_owner
from ratelimit.plan_limit import DEFAULT_UNIT, Mode


def write_quota_use(now: datetime) -> None:
    """Write what the keys of each owner have used of the monthly quotas that they share, by their usage rows."""
    QuotaUse.objects.bulk_create(row for owner in Owner.objects.order_by("pk") for row in _rows(owner, now))


def _rows(owner: Owner, now: datetime) -> Iterator[QuotaUse]:
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    days = Usage.objects.filter(key__owner=owner.name, step=UsageStep.DAY, start__gte=begin)
    used = days.aggregate(total=Sum("allowed"))["total"] or 0
    for found in limits_of_stored_owner(owner, now):
        claim = found.claim(0, int(now.timestamp()))
        term = claim.terms[0]
        if found.limit.unit == DEFAULT_UNIT and term.limit is None:
            yield QuotaUse(
                counter=claim.counter.decode(),
                definition=claim.definition,
                ends_s=term.ends_s,
                # A quota that is enforced is never exceeded.
                used=min(used, term.quota) if found.limit.mode is Mode.ENFORCE else used,
                quota=term.quota,
                updated_at=now,
            )
