"""Lease that lets one steward work, however many were started."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from events.lock_timeout import set_lock_timeout
from health.models import Lease


def take_lease(name: str, holder: str, *, now: datetime, duration: timedelta) -> bool:
    """Take or renew the lease for `duration` from `now`.

    Return False if another holder's lease hasn't expired.
    """
    expires_at = now + duration
    with transaction.atomic():
        set_lock_timeout()
        # A lease that ends further ahead than any can was written by a wrong clock, and counts as expired.
        mine_or_lapsed = Q(holder=holder) | Q(expires_at__lte=now) | Q(expires_at__gt=now + 2 * duration)
        if Lease.objects.filter(mine_or_lapsed, name=name).update(holder=holder, expires_at=expires_at):
            return True
        _, created = Lease.objects.get_or_create(name=name, defaults={"holder": holder, "expires_at": expires_at})
        return created


def release_lease(name: str, holder: str, *, now: datetime) -> None:
    """Give the lease back, so that another holder doesn't have to wait until it expires."""
    # The row stays: it shows since when no one holds the lease.
    Lease.objects.filter(name=name, holder=holder).update(holder="", expires_at=now)
