"""What a process sees of health by itself, without waiting for anybody to write it down."""

from contextlib import suppress
from enum import StrEnum
from typing import Final

from django.db import DatabaseError, connection
from django.utils import timezone

from apikeys.cache.key_cache import PATIENCE_SECONDS, default_key_cache
from apikeys.cache.query_deadlines import patience
from health.guard_rails.database import UnwritableDatabase
from health.guard_rails.disk import FullDisk
from health.guard_rails.operation import AbsentSteward, DegradedBucketStore
from health.incidents import breach, degraded, sweep
from httpserver.stopping import is_stopping

STORE: Final = DegradedBucketStore()
STEWARD: Final = AbsentSteward()
DISK: Final = FullDisk()
DATABASE: Final = UnwritableDatabase()


class Status(StrEnum):
    """What /health says."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    STOPPING = "stopping"

    @property
    def is_ready(self) -> bool:
        """Whether load balancers may send requests here."""
        return self in (Status.OK, Status.DEGRADED)


def status_now() -> Status:
    """The status by what the database and the bucket store answer now, each within a bound."""
    if is_stopping():
        return Status.STOPPING
    if not _database_is_up():
        return Status.DOWN
    try:
        with patience(PATIENCE_SECONDS):
            return Status.DEGRADED if degraded_names() else Status.OK
    except DatabaseError:  # it answers, but what it has to say of health does not come in time
        return Status.DEGRADED


def database_answers() -> bool:
    """Whether the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _database_is_up() -> bool:
    """Whether it is; where it is known to be down nobody waits to find that out."""
    directory = default_key_cache()
    if directory.database_is_down:
        return False
    with patience(PATIENCE_SECONDS):
        answers = database_answers()
    if not answers:
        directory.refresher.note_failure("no health")
    return answers


def degraded_names() -> list[str]:
    """The guard rails by whose breach health is degraded, with what this process sees of the bucket store, the steward,
    the disk and the database. It only reads: a probe must not wait for those who write, and has to tell the truth on a
    full disk.
    """
    now = timezone.now()
    seen = [rail.name for rail in (STORE, STEWARD, DISK, DATABASE) if breach(rail, now) is not None]
    return sorted({*degraded(), *seen})


def look_for_steward() -> None:
    """Tells whether a steward works: the one guard rail of which no steward can tell that it is breached."""
    with suppress(DatabaseError):  # without a database there is nothing to judge by; it is asked again
        sweep([STEWARD], now=timezone.now())
