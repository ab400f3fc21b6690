"""The patrol: the steward verifies the log a little at a time, round and round, so that a change is found by itself."""

from datetime import datetime

from events.continuity import Break, Place
from events.models import Patrol
from events.verification import beginning, step
from latchkey.peppers import Peppers


def patrol(peppers: Peppers, *, now: datetime) -> Break | None:
    """Verifies the next batch and notes how far it came; returns the break where it found one.

    A break stays noted until a whole round finds none.
    """
    known = Patrol.objects.filter(id=1).first()
    place = Place(known.through_id, known.digest) if known is not None and known.digest else beginning(peppers)
    found = step(place, peppers) if isinstance(place, Place) else place
    if isinstance(found, Break):
        _note(through_id=0, digest="", broken_at=found.event_id, reason=found.reason)
        return found
    if found is None:
        _note(through_id=0, digest="", broken_at=None, reason="", finished_at=now)
    else:
        _note(through_id=found.event_id, digest=found.digest)
    return None


def _note(**columns: object) -> None:
    Patrol.objects.update_or_create(id=1, defaults=columns)
