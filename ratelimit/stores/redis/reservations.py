"""Reservations in Redis: settled, extended and cancelled by one run of a script.

Redis wants the names of all keys in the call of a script, and a reservation's record names its counters. A caller that
settles names those that it expects, so one run is enough. If there are others, the script returns the record, and a
second run has all names. To extend a reservation, its record is read first.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ratelimit import reservation_record
from ratelimit.claim import Claim
from ratelimit.limit import NS_PER_SECOND
from ratelimit.reservation import KEY_ENTRY, ReservationEnded, ReservationUnknown, Settlement, key_of, slot_id
from ratelimit.reservation_record import Reservation, Status
from ratelimit.reservation_rules import check, settlement_before
from ratelimit.stores.base import BucketStoreError, ClaimsUnsupported
from ratelimit.stores.redis import reservation_encoding
from ratelimit.stores.redis.counters import RedisCounters
from ratelimit.stores.redis.reservation_encoding import AS_IS, DONE, EXPIRED
from ratelimit.stores.redis.scripts import EXTEND, SETTLE

_ATTEMPTS: Final = 5
_Result = TypeVar("_Result")


class RedisReservations(RedisCounters):
    """Access to reservations. Every method raises BucketStoreError."""

    def settle(
        self, name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim], likely: Sequence[bytes] = ()
    ) -> Settlement:
        return self._end(name, caller, Status.SETTLED, key_cost, claims, likely)

    def cancel(self, name: bytes, caller: bytes) -> Settlement:
        return self._end(name, caller, Status.CANCELLED, 0, ())

    def extend(self, name: bytes, caller: bytes, ttl_seconds: int) -> int:
        def work(known: Reservation, raw: bytes) -> int | None:
            if known.status != Status.OPEN:
                raise ReservationEnded(cancelled=known.status == Status.CANCELLED)
            slots = reservation_encoding.slot_entries(known)
            names = [self.keys.open_reservations(key_of(name)), *(self.keys.counter(one.counter) for one in slots)]
            arguments = [ttl_seconds, slot_id(name), *(one.definition for one in slots)]
            status, value = self._run(
                EXTEND, [self.keys.reservation(name), *names], [self.time_argument(), raw, *arguments]
            )
            if status == EXPIRED:
                check(known, caller, value)
            return int(value) if status == DONE else None

        return self._with_reservation(name, caller, work)

    def forget_ended_reservations(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Return 0: Redis deletes reservations automatically."""
        return 0

    def _end(
        self,
        name: bytes,
        caller: bytes,
        status: Status,
        key_cost: int,
        claims: Sequence[Claim],
        likely: Sequence[bytes] = (),
    ) -> Settlement:
        if not self.keys.can_claim(claims):
            raise ClaimsUnsupported(f"{self.url}: Redis Cluster can't settle limits that an owner's keys share")
        counters = [claim.counter for claim in claims] + [one for one in likely if self.keys.can_access(one)]
        for _ in range(_ATTEMPTS):
            response = self._run_settle(name, caller, status, key_cost, claims, counters)
            with self._store_errors():
                outcome, raw, now_s, *missing = response
                found = reservation_record.load(raw)
            if outcome == DONE and found is not None:
                return found.settlement()
            known = check(found, caller, now_s)
            if (before := settlement_before(known, status)) is not None:
                return before
            if outcome != AS_IS:
                with self._store_errors():
                    undecided = reservation_encoding.parse_undecided(outcome, now_s, missing)
                raise undecided
            # It has counters that were not expected. With them, the next run settles it.
            counters = [claim.counter for claim in claims] + [entry.counter for entry in known.entries]
        raise BucketStoreError(f"{self.url}: a reservation keeps changing")

    def _run_settle(
        self,
        name: bytes,
        caller: bytes,
        status: Status,
        key_cost: int,
        claims: Sequence[Claim],
        counters: Sequence[bytes],
    ) -> Any:
        """Run settle.lua with these counters."""
        key = key_of(name)
        known = [one for one in dict.fromkeys(counters) if one != KEY_ENTRY]
        positions = {counter: position for position, counter in enumerate(known, 1)}
        names = [self.keys.reservation(name), self.keys.record(key), self.keys.open_reservations(key)]
        names += map(self.keys.counter, known)
        if self.keys.units is not None:
            names.append(self.keys.units)
        arguments = [self.time_argument(), caller, int(status), slot_id(name), key_cost.to_bytes(8, "little")]
        encoded = [reservation_encoding.encode_claim(claim, positions[claim.counter]) for claim in claims]
        return self._run(SETTLE, names, [*arguments, reservation_encoding.encode_names(known), *encoded])

    def _with_reservation(
        self, name: bytes, caller: bytes, work: Callable[[Reservation, bytes], _Result | None]
    ) -> _Result:
        """Return the result of `work` for a reservation and its record. It is None if the record has changed
        meanwhile; then this repeats.
        """
        # By the server's clock, Redis has deleted what ended long ago. A test's clock is another one.
        now_s = 0 if self._clock is None else self._clock() // NS_PER_SECOND
        for _ in range(_ATTEMPTS):
            with self._store_errors():
                raw = self._client.get(self.keys.reservation(name))
            known = reservation_record.load(raw)
            if known is None or known.kept_until_s <= now_s:
                raise ReservationUnknown
            if (result := work(check(known, caller, 0), raw)) is not None:
                return result
        raise BucketStoreError(f"{self.url}: a reservation keeps changing")
