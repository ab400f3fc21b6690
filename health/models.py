"""The lease by which one steward works, however many were started."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models, transaction


class Lease(models.Model):
    """A named right that one holder has until it lapses."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Lease"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


def take_lease(name: str, holder: str, *, now: datetime, duration: timedelta) -> bool:
    """Takes or renews the lease for `duration` from `now`; False while another holder's has not lapsed."""
    expires_at = now + duration
    with transaction.atomic():
        mine_or_lapsed = models.Q(holder=holder) | models.Q(expires_at__lte=now)
        if Lease.objects.filter(mine_or_lapsed, name=name).update(holder=holder, expires_at=expires_at):
            return True
        _, created = Lease.objects.get_or_create(name=name, defaults={"holder": holder, "expires_at": expires_at})
        return created


def release_lease(name: str, holder: str) -> None:
    """Gives the lease back, so that another holder need not wait for it to lapse."""
    Lease.objects.filter(name=name, holder=holder).delete()
