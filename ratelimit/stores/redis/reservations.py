"""Reservations in Redis: settled, extended and cancelled by one run of a script.

Their records name the counters that the script needs, so the record is read first. The script does nothing if it has
changed meanwhile.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from ratelimit import reservation_record
from ratelimit.claim import Claim
from ratelimit.limit import NS_PER_SECOND
from ratelimit.reservation import KEY_ENTRY, ReservationEnded, ReservationUnknown, Settlement, key_of, slot_id
from ratelimit.reservation_record import Reservation, Status
from ratelimit.reservation_rules import check, settlement_before
from ratelimit.stores.base import BucketStoreError, ClaimsUnsupported
from ratelimit.stores.redis import reservation_encoding
from ratelimit.stores.redis.counters import RedisCounters
from ratelimit.stores.redis.reservation_encoding import CHANGED, DONE, EXPIRED
from ratelimit.stores.redis.scripts import EXTEND, SETTLE

_ATTEMPTS: Final = 5
_Result = TypeVar("_Result")


class RedisReservations(RedisCounters):
    """Access to reservations. Every method raises BucketStoreError."""

    def settle(self, name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim]) -> Settlement:
        return self._end(name, caller, Status.SETTLED, key_cost, claims)

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

    def _end(self, name: bytes, caller: bytes, status: Status, key_cost: int, claims: Sequence[Claim]) -> Settlement:
        if not self.keys.can_claim(claims):
            raise ClaimsUnsupported(f"{self.url}: Redis Cluster can't settle limits that an owner's keys share")

        def work(known: Reservation, raw: bytes) -> Settlement | None:
            before = settlement_before(known, status)
            return before or self._run_settle(name, caller, known, raw, status, key_cost, claims)

        return self._with_reservation(name, caller, work)

    def _run_settle(
        self,
        name: bytes,
        caller: bytes,
        known: Reservation,
        raw: bytes,
        status: Status,
        key_cost: int,
        claims: Sequence[Claim],
    ) -> Settlement | None:
        """Settle a reservation as it was read, and return the settlement; None if it has changed meanwhile."""
        operations = reservation_encoding.operations(known, key_cost, claims)
        record = self.keys.record(key_of(name))
        counters = [record if one == KEY_ENTRY else self.keys.counter(one) for one, _ in operations]
        names = [self.keys.reservation(name), record, self.keys.open_reservations(key_of(name)), *counters]
        if self.keys.units is not None:
            names.append(self.keys.units)
        head = reservation_encoding.encode_head(known, status, operations)
        arguments = [self.time_argument(), raw, *head, slot_id(name), *(one for _, one in operations)]
        response, value = self._run(SETTLE, names, arguments)
        if response == CHANGED:
            return None
        if response == EXPIRED:
            check(known, caller, value)
        with self._store_errors():
            settled = reservation_record.load(value) if response == DONE else None
            if settled is not None:
                return settled.settlement()
            undecided = reservation_encoding.parse_undecided(operations, response, value)
        raise undecided

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
