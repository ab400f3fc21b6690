"""Guard rails about Latchkey itself."""

from datetime import datetime, timedelta
from typing import Final

from events.models import Patrol
from health.guard_rails.base import Finding, GuardRail, Severity, abbreviated_list
from health.models import Lease
from health.node.outages import cut_off_hosts
from health.node.store_probe import probe_store
from health.served_since import served_since
from latchkey.timestamps import from_ns
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError

REBUILT_REPORTED_FOR: Final = timedelta(minutes=15)
STEWARD_LEASE: Final = "steward"
STEWARD_LEASE_MAX: Final = timedelta(seconds=60)
STEWARD_MISSED_AFTER: Final = timedelta(seconds=15)
FALLBACK_EFFECTS: Final = {
    "deny": "requests with a key get 503",
    "local": "each disconnected node decides on its own, so limits apply per node",
    "allow": "every request with a valid key is allowed, without a limit",
}


class DegradedBucketStore(GuardRail):
    """A bucket store that doesn't respond, so that no limit holds over all nodes.

    BUCKET_STORE_FALLBACK says what a node does meanwhile.
    """

    name = "bucket_store"
    severity = Severity.CRITICAL
    remedy = (
        "Make sure that the bucket store is running and reachable, or, with lmdb://, that its disk has space and the"
        " server can read and write there; the log has the reason as BucketStoreError."
    )
    every_run = True

    def find(self, now: datetime) -> Finding | None:
        limiter = default_limiter()
        hosts = cut_off_hosts()
        if not hosts and probe_store(limiter.store) is None:
            return None
        effect = FALLBACK_EFFECTS.get(limiter.fallback, FALLBACK_EFFECTS["deny"])
        return Finding(max(len(hosts), 1), _outage(hosts, effect))


class RebuiltBucketStore(GuardRail):
    """An empty bucket file that replaced a lost or damaged one: limits weren't exact.

    Something changes the files of a running server, or the disk fails.
    """

    name = "rebuilt_bucket_store"
    severity = Severity.WARNING
    remedy = "Find out what removes, replaces or damages files in the bucket store's directory."
    every_run = True

    def find(self, now: datetime) -> Finding | None:
        try:
            rebuilt = default_limiter().store.last_rebuild()
        except BucketStoreError:
            # DegradedBucketStore reports this.
            return None
        if rebuilt is None:
            return None
        at = from_ns(rebuilt.at_ns)
        if abs(now - at) > REBUILT_REPORTED_FOR:
            return None
        when = f"{at:%Y-%m-%d %H:%M:%S} UTC"
        return Finding(1, f"At {when} the bucket file was lost, and every bucket is full again: {rebuilt.reason}.", at)


def _outage(hosts: list[str], effect: str) -> str:
    if not hosts:
        return f"The bucket store does not respond; {effect}."
    nodes = "1 node" if len(hosts) == 1 else f"{len(hosts)} nodes"
    return f"The bucket store does not respond to {nodes} ({abbreviated_list(hosts, len(hosts) + 1)}); {effect}."


class BrokenEventLog(GuardRail):
    """A row of the event log that isn't what was written: the database was changed without Latchkey."""

    name = "broken_event_log"
    severity = Severity.CRITICAL
    remedy = "Run manage.py verify_event_log, keep a copy of the database as it is, and find out who can write to it."

    def find(self, now: datetime) -> Finding | None:
        patrol = Patrol.objects.filter(id=1).first()
        if patrol is None or patrol.broken_at is None:
            return None
        return Finding(1, f"The event log is broken at event {patrol.broken_at}: {patrol.reason}.")


class AbsentSteward(GuardRail):
    """No steward works: no usage is written, and no webhook is delivered.

    Violations that only time causes aren't noticed either.
    """

    name = "absent_steward"
    severity = Severity.CRITICAL
    remedy = "Start one with manage.py steward (serve starts one automatically), and look for steward_ in the log."
    every_run = True

    def find(self, now: datetime) -> Finding | None:
        lease = Lease.objects.filter(name=STEWARD_LEASE).first()
        # A server that has just started gets some time to start its steward.
        moments = [moment for moment in (served_since(), lease and lease.expires_at) if moment]
        if not moments:
            # Nothing was ever served from this database.
            return None
        lapsed = max(moments)
        # A lease that ends further ahead than any can was written by a wrong clock, and counts as expired.
        if -STEWARD_LEASE_MAX < now - lapsed < STEWARD_MISSED_AFTER:
            return None
        if lease is None:
            return Finding(1, "No steward has ever held the lease.")
        return Finding(1, f"No steward has held the lease since {lease.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
