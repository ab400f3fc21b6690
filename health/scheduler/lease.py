"""The lease by which one steward works, however many were started."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from events.lock_timeout import bound_lock_waits
from health.models import Lease


def take_lease(name: str, holder: str, *, now: datetime, duration: timedelta) -> bool:
    """Takes or renews the lease for `duration` from `now`; False while another holder's has not lapsed. One that ends
    further ahead than any can was written by a clock that was wrong, and counts as lapsed.
    """
    expires_at = now + duration
    with transaction.atomic():
        bound_lock_waits()
        mine_or_lapsed = Q(holder=holder) | Q(expires_at__lte=now) | Q(expires_at__gt=now + 2 * duration)
        if Lease.objects.filter(mine_or_lapsed, name=name).update(holder=holder, expires_at=expires_at):
            return True
        _, created = Lease.objects.get_or_create(name=name, defaults={"holder": holder, "expires_at": expires_at})
        return created


def release_lease(name: str, holder: str, *, now: datetime) -> None:
    """Gives the lease back, so that another holder need not wait for it to lapse. The row stays, and tells since when
    nobody holds it.
    """
    Lease.objects.filter(name=name, holder=holder).update(holder="", expires_at=now)
