"""Policies of a process: which limits of plans apply to a key, and what its requests ask of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from time import time
from typing import Final

from django.db import OperationalError

from apikeys.cache.key_cache import default_key_cache
from apikeys.cache.query_deadlines import query_deadline
from apikeys.cache.records import KeyRecord
from apikeys.policies.effective import EffectiveLimit
from apikeys.policies.quota_rows import seeds_of
from apikeys.policies.quota_writer import QuotaWriter
from apikeys.policies.resolution import Resolution, Resolved, usage_alone
from apikeys.policies.snapshot import Snapshot, read_after
from ratelimit.costs import Costs
from ratelimit.limit import NS_PER_SECOND
from ratelimit.limiter import Limiter, default_limiter

QUERY_DEADLINE_SECONDS: Final = 2.0
CAPACITY: Final = 50_000


class Policies:
    """Plans, owners and overrides as this process knows them. Its methods may be called by any thread.

    They are read at the first use, and then what has changed: when the bucket store has a newer number, and when the
    change feed reports a change. `now` returns Unix time in seconds.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        now: Callable[[], float] = time,
        raise_while_down: Callable[[], None] = lambda: None,
    ) -> None:
        self.writer = QuotaWriter(limiter)
        self._limiter = limiter
        self._now = now
        self._raise_while_down = raise_while_down
        self._lock = Lock()
        self._snapshot: Snapshot | None = None
        self._resolutions: dict[str, Resolution] = {}

    @property
    def number(self) -> int:
        """Return the number up to which this process knows the policies. Raises what `refresh` raises.

        Read it before the claims of a request: those of older policies must not be sent with a newer number.
        """
        return (self._snapshot or self._read()).number

    @property
    def known(self) -> Snapshot | None:
        """Return what this process has read of the policies, or None if it hasn't yet. Reads nothing itself, so the
        event loop may ask.
        """
        return self._snapshot

    @property
    def units(self) -> frozenset[str]:
        """Return the units in which some plan has a limit, and requests. Raises what `refresh` raises."""
        return (self._snapshot or self._read()).units

    def limits_of(self, record: KeyRecord) -> tuple[EffectiveLimit, ...]:
        """Return all limits that a key has in addition to its rate limit. Raises what `refresh` raises."""
        snapshot = self._snapshot or self._read()
        if record.plan is None and record.auth.owner not in snapshot.owners:
            return ()
        return self._resolution(record, snapshot, None).limits

    def claims_of(self, record: KeyRecord, costs: Costs, now_s: int) -> Resolved | None:
        """Return what a request of the key with these costs asks of its limits at a time; None if that is nothing.

        A limit whose unit isn't named is not asked. Units other than requests are also counted as usage, whether or
        not the key has a limit in them. Raises what `refresh` raises.
        """
        snapshot = self._snapshot or self._read()
        if record.plan is None and record.auth.owner not in snapshot.owners:
            return usage_alone(record.auth.key_id, costs)
        # Like `_resolution`, but here for the sake of the hot path.
        known = self._resolutions.get(record.auth.key_id)
        if known is None or known.record is not record or known.snapshot is not snapshot or now_s >= known.until_s:
            known = self._resolution(record, snapshot, now_s)
        return known.of(costs) if known.limits else usage_alone(record.auth.key_id, costs)

    def reservation_claims_of(self, record: KeyRecord, costs: Costs, now_s: int) -> Resolved | None:
        """Return what a reservation with these costs asks of the key's limits: what a request asks, and slots.

        Raises what `refresh` raises.
        """
        snapshot = self._snapshot or self._read()
        if record.plan is None and record.auth.owner not in snapshot.owners:
            return usage_alone(record.auth.key_id, costs)
        known = self._resolution(record, snapshot, now_s)
        return known.of_reservation(costs) if known.limits else usage_alone(record.auth.key_id, costs)

    def refresh(self, newest: int = 0) -> None:
        """Read what has changed, unless this process has read the policies up to `newest` already.

        Raises django.db.Error, immediately if the database is known to be down.
        """
        self._read(newest)

    def follow(self) -> None:
        """Read what has changed, also if the database was down until now. Raises django.db.Error."""
        with self._lock:
            self._snapshot = self._read_after(self._snapshot, 0)

    def reload(self) -> None:
        """Read all policies again, also if the database was down until now. Raises django.db.Error."""
        with self._lock:
            self._snapshot = self._read_after(None, 0)

    def seed(self, counters: Sequence[bytes], record: KeyRecord) -> None:
        """Give the bucket store what the database has of these quotas of a key. Raises django.db.Error and
        BucketStoreError.
        """
        # The store's time, because a quota that was never used begins with the period of this seed. A node whose clock
        # is ahead would begin the next period too early.
        now_s = self._limiter.decision_time_ns() // NS_PER_SECOND
        wanted = [limit for limit in self.limits_of(record) if limit.counter in counters and limit.limit.quota]
        self._raise_while_down()
        with query_deadline(QUERY_DEADLINE_SECONDS):
            seeds = seeds_of([limit.claim(0, now_s) for limit in wanted])
        self._limiter.seed_quotas(seeds)

    def _resolution(self, record: KeyRecord, snapshot: Snapshot, now_s: int | None) -> Resolution:
        """Return the record's limits; those that apply at `now_s`, if that is given."""
        subject = record.auth.key_id, record.plan, record.auth.owner
        try:
            basis = snapshot.basis_of(*subject)
        except KeyError:
            # The plan is newer than the snapshot, and nothing has reported it yet.
            snapshot = self._read()
            try:
                basis = snapshot.basis_of(*subject)
            except KeyError:
                raise OperationalError("the database doesn't have the plan of a key") from None
        known = self._resolutions.get(record.auth.key_id)
        if known is not None and known.record is record and (now_s is None or now_s < known.until_s):
            # Most changes of policies are about other keys.
            if known.snapshot is not snapshot and known.basis == basis:
                known.snapshot = snapshot
            if known.snapshot is snapshot:
                return known
        found = Resolution(record, snapshot, basis, int(self._now()) if now_s is None else now_s)
        if len(self._resolutions) >= CAPACITY:
            self._resolutions.clear()
        self._resolutions[record.auth.key_id] = found
        return found

    def _read(self, newest: int = 0) -> Snapshot:
        """Read what has changed, and return it. A thread that waited for another one takes what that one has read."""
        seen = self._snapshot
        self._raise_while_down()
        with self._lock, query_deadline(QUERY_DEADLINE_SECONDS):
            known = self._snapshot
            if known is not None and newest <= known.number and (newest or known is not seen):
                return known
            self._snapshot = self._read_after(known, newest)
            return self._snapshot

    def _read_after(self, known: Snapshot | None, newest: int) -> Snapshot:
        return read_after(known, newest, datetime.fromtimestamp(self._now(), UTC))


@cache
def default_policies() -> Policies:
    """Return the policies of this process, created once. The thread of its key cache keeps them up to date."""
    keys = default_key_cache()
    policies = Policies(default_limiter(), raise_while_down=keys.raise_while_down)
    keys.follow_policies(policies.follow, policies.reload)
    return policies
