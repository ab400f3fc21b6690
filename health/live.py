"""What a process sees of health by itself, without waiting for anybody to write it down."""

from contextlib import suppress
from typing import Final

from django.db import DatabaseError
from django.utils import timezone

from health.guard_rails.operation import AbsentSteward, DegradedBucketStore
from health.incidents import breach, degraded, sweep

STORE: Final = DegradedBucketStore()
STEWARD: Final = AbsentSteward()


def degraded_names() -> list[str]:
    """The guard rails by whose breach health is degraded, with what this process sees of the bucket store and of the
    steward. It only reads: a probe must not wait for those who write, and has to tell the truth on a full disk.
    """
    now = timezone.now()
    seen = [rail.name for rail in (STORE, STEWARD) if breach(rail, now) is not None]
    return sorted({*degraded(), *seen})


def look_for_steward() -> None:
    """Tells whether a steward works: the one guard rail of which no steward can tell that it is breached."""
    with suppress(DatabaseError):  # without a database there is nothing to judge by; it is asked again
        sweep([STEWARD], now=timezone.now())
