"""Time of the newest good backup. It's in the database, so that nodes that back up elsewhere read it too."""

from datetime import datetime
from typing import Final

from django.db.models import Q
from django.utils import timezone

from health.models import LastBackup

_ONLY: Final = 1


def note_backup(made_at: datetime) -> None:
    """Record that a good backup holds the state of `made_at`.

    An older time than the recorded one changes nothing, unless the recorded one is ahead of the clock.
    """
    LastBackup.objects.get_or_create(id=_ONLY, defaults={"made_at": made_at})
    # A clock that was once ahead would otherwise hide, until the time it wrote, that backups are missing.
    is_older = Q(made_at__lt=made_at) | Q(made_at__gt=timezone.now())
    LastBackup.objects.filter(is_older, id=_ONLY).update(made_at=made_at)


def last_backup() -> datetime | None:
    """Return the time of the state in the newest good backup, or None if none is known."""
    return LastBackup.objects.filter(id=_ONLY).values_list("made_at", flat=True).first()
