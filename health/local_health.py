"""Local health: what this process sees itself, without waiting until it's written down."""

from contextlib import suppress
from enum import StrEnum
from typing import Final

from django.db import DatabaseError, connection
from django.utils import timezone

from apikeys.cache.key_cache import QUERY_DEADLINE_SECONDS, default_key_cache
from apikeys.cache.query_deadlines import query_deadline
from health.guard_rails.database import UnwritableDatabase
from health.guard_rails.disk import FullDisk
from health.guard_rails.operation import AbsentSteward, DegradedBucketStore
from health.incidents import degraded, find_violation, sweep
from httpserver.stopping import is_stopping

STORE: Final = DegradedBucketStore()
STEWARD: Final = AbsentSteward()
DISK: Final = FullDisk()
DATABASE: Final = UnwritableDatabase()


class Status(StrEnum):
    """Status that /health returns."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    STOPPING = "stopping"

    @property
    def is_ready(self) -> bool:
        """Return whether load balancers may send requests here."""
        return self in (Status.OK, Status.DEGRADED)


def status_now() -> Status:
    """Return the status by what the database and the bucket store respond now, each within a bound."""
    if is_stopping():
        return Status.STOPPING
    if not _database_is_up():
        return Status.DOWN
    try:
        with query_deadline(QUERY_DEADLINE_SECONDS):
            return Status.DEGRADED if degraded_names() else Status.OK
    except DatabaseError:
        # The database responds, but its information about health doesn't come in time.
        return Status.DEGRADED


def database_responds() -> bool:
    """Return whether the database responds to a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _database_is_up() -> bool:
    """Return whether the database is up."""
    key_cache = default_key_cache()
    # If it's known to be down, don't wait to find that out again.
    if key_cache.database_is_down:
        return False
    with query_deadline(QUERY_DEADLINE_SECONDS):
        responds = database_responds()
    if not responds:
        key_cache.poller.record_failure("no health")
    return responds


def degraded_names() -> list[str]:
    """Return the names of the guard rails whose violation degrades health, sorted.

    They include what this process sees of the bucket store, the steward, the disk and the database.
    """
    now = timezone.now()
    # Only read: a probe must not wait for writers, and it must be right on a full disk.
    seen = [rail.name for rail in (STORE, STEWARD, DISK, DATABASE) if find_violation(rail, now) is not None]
    return sorted({*degraded(), *seen})


def check_steward() -> None:
    """Open or close the incident about a missing steward. A steward that is missing can't do that itself."""
    # Without a database there is nothing to evaluate. The caller tries again.
    with suppress(DatabaseError):
        sweep([STEWARD], now=timezone.now())
