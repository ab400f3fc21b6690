"""Policies of a process: which limits of plans apply to a key, and what its requests ask of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from time import time
from typing import Final, NamedTuple

from django.db import OperationalError

from apikeys.cache.key_cache import default_key_cache
from apikeys.cache.query_deadlines import query_deadline
from apikeys.cache.records import KeyRecord
from apikeys.policies.effective import EffectiveLimit
from apikeys.policies.quota_rows import seeds_of
from apikeys.policies.quota_writer import QuotaWriter
from apikeys.policies.snapshot import Snapshot, read_after
from ratelimit.claim import FOREVER_S, Claim, ClaimState
from ratelimit.limit import NS_PER_SECOND
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.unit_counters import claims_on_units

QUERY_DEADLINE_SECONDS: Final = 2.0
CAPACITY: Final = 50_000
_MAX_COSTS: Final = 64


class Resolved(NamedTuple):
    """What a request asks of limits: the claims, and the limits in the same order. Claims that only count usage by unit
    follow; they have no limit.
    """

    claims: tuple[Claim, ...]
    limits: tuple[EffectiveLimit, ...]


NOTHING: Final = Resolved((), ())
_Costs = tuple[tuple[str, int], ...]


class _Entry(NamedTuple):
    """Cached limits of one record under one snapshot. The claims apply until `until_s`. Those of requests cost 0; a
    reservation claims one slot of each limit of concurrency, too.
    """

    record: KeyRecord
    snapshot: Snapshot
    until_s: int
    limits: tuple[EffectiveLimit, ...]
    claimed: tuple[tuple[Claim, EffectiveLimit], ...]
    slots: Resolved
    by_costs: dict[_Costs, Resolved]


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
        self._entries: dict[str, _Entry] = {}

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
        return self._entry(record, snapshot, None).limits

    def claims_of(self, record: KeyRecord, costs: Mapping[str, int], now_s: int) -> Resolved:
        """Return what a request of the key with these costs by unit asks of its limits at a time.

        A limit whose unit isn't named is not asked. Units other than requests are also counted as usage, whether or
        not the key has a limit in them. Raises what `refresh` raises.
        """
        snapshot = self._snapshot or self._read()
        if record.plan is None and record.auth.owner not in snapshot.owners:
            usage = claims_on_units(record.auth.key_id.encode(), costs)
            return Resolved(usage, ()) if usage else NOTHING
        # Like `_entry`, but here for the sake of the hot path.
        entry = self._entries.get(record.auth.key_id)
        if entry is None or entry.record is not record or entry.snapshot is not snapshot or now_s >= entry.until_s:
            entry = self._entry(record, snapshot, now_s)
        asked = tuple(costs.items())
        found = entry.by_costs.get(asked)
        if found is None:
            found = _resolved(entry, costs)
            # Costs that vary with each request are not worth keeping.
            if len(entry.by_costs) < _MAX_COSTS:
                entry.by_costs[asked] = found
        return found

    def reservation_claims_of(self, record: KeyRecord, costs: Mapping[str, int], now_s: int) -> Resolved:
        """Return what a reservation with these costs asks of the key's limits: what a request asks, and slots.

        Raises what `refresh` raises.
        """
        asked = self.claims_of(record, costs, now_s)
        if not self.limits_of(record):
            return asked
        slots = self._entry(record, self._snapshot or self._read(), now_s).slots
        limits = len(asked.limits)
        claims = asked.claims[:limits] + slots.claims + asked.claims[limits:]
        return Resolved(claims, asked.limits + slots.limits)

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
        now_s = self._limiter.store.now_ns() // NS_PER_SECOND
        wanted = [limit for limit in self.limits_of(record) if limit.counter in counters and limit.limit.quota]
        self._raise_while_down()
        with query_deadline(QUERY_DEADLINE_SECONDS):
            seeds = seeds_of([limit.claim(0, now_s) for limit in wanted])
        self._limiter.seed_quotas(seeds)

    def record_use(self, claims: Sequence[Claim], states: Sequence[ClaimState]) -> None:
        """Note that requests have used quotas, so that the database learns of it."""
        self.writer.note(claims, states)

    def _entry(self, record: KeyRecord, snapshot: Snapshot, now_s: int | None) -> _Entry:
        """Return the record's entry; one that applies at `now_s`, if that is given."""
        entry = self._entries.get(record.auth.key_id)
        if (
            entry is not None
            and entry.record is record
            and entry.snapshot is snapshot
            and (now_s is None or now_s < entry.until_s)
        ):
            return entry
        entry = self._resolve(record, snapshot, int(self._now()) if now_s is None else now_s)
        if len(self._entries) >= CAPACITY:
            self._entries.clear()
        self._entries[record.auth.key_id] = entry
        return entry

    def _resolve(self, record: KeyRecord, snapshot: Snapshot, now_s: int) -> _Entry:
        subject = record.auth.key_id, record.plan, record.auth.owner, record.issued
        try:
            limits = snapshot.limits_of(*subject)
        except KeyError:
            # The plan is newer than the snapshot, and nothing has reported it yet.
            snapshot = self._read()
            try:
                limits = snapshot.limits_of(*subject)
            except KeyError:
                raise OperationalError("the database doesn't have the plan of a key") from None
        claimed = tuple((limit.claim(0, now_s), limit) for limit in limits if limit.limit.concurrency is None)
        held = tuple(limit for limit in limits if limit.limit.concurrency is not None)
        slots = Resolved(tuple(limit.claim(1, now_s) for limit in held), held)
        claims = [*(claim for claim, _ in claimed), *slots.claims]
        until_s = min((claim.terms[0].until_s for claim in claims), default=FOREVER_S)
        return _Entry(record, snapshot, until_s, limits, claimed, slots, {})

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


def _resolved(entry: _Entry, costs: Mapping[str, int]) -> Resolved:
    found = [
        (claim._replace(cost=costs[limit.limit.unit]), limit)
        for claim, limit in entry.claimed
        if limit.limit.unit in costs
    ]
    usage = claims_on_units(entry.record.auth.key_id.encode(), costs)
    if not found and not usage:
        return NOTHING
    return Resolved((*(claim for claim, _ in found), *usage), tuple(limit for _, limit in found))


@cache
def default_policies() -> Policies:
    """Return the policies of this process, created once. The thread of its key cache keeps them up to date."""
    keys = default_key_cache()
    policies = Policies(default_limiter(), raise_while_down=keys.raise_while_down)
    keys.follow_policies(policies.follow, policies.reload)
    return policies
