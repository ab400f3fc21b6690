"""When the newest good backup was made, kept in the database: nodes that back up elsewhere read it too."""

from datetime import datetime
from typing import Final

from django.db.models import Q
from django.utils import timezone

from health.models import LastBackup

_ONLY: Final = 1


def note_backup(made_at: datetime) -> None:
    """Keep that a good backup holds the state of `made_at`; an older one than is known changes nothing, unless what is
    known is ahead of the clock.
    """
    LastBackup.objects.get_or_create(id=_ONLY, defaults={"made_at": made_at})
    # A clock that was ahead once would hide every backup that is missing until then.
    is_older = Q(made_at__lt=made_at) | Q(made_at__gt=timezone.now())
    LastBackup.objects.filter(is_older, id=_ONLY).update(made_at=made_at)


def last_backup() -> datetime | None:
    """Return of when the newest good backup is, or None if none is known."""
    return LastBackup.objects.filter(id=_ONLY).values_list("made_at", flat=True).first()
