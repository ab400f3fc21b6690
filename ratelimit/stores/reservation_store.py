"""The part of a bucket store on this host that keeps reservations: it runs pure functions in its own transactions."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final, TypeVar

from ratelimit import open_reservations, reservations, settlements
from ratelimit.bucket import TakeRequest
from ratelimit.claim import NO_POLICY, Claim
from ratelimit.reservation import NewReservation, Reserved, Settlement, key_of
from ratelimit.reservations import Step
from ratelimit.stores.counter_store import check_policy

_Result = TypeVar("_Result")
SWEEP_BATCH: Final = 200
"""How many reservations a transaction deletes: other requests wait for it."""


class ReservationStore:
    """Base of a bucket store on this host. A derived class provides the transactions."""

    def reserve(self, request: TakeRequest, reservation: NewReservation, policy: int = NO_POLICY) -> Reserved:
        def work(step: Step) -> Reserved:
            check_policy(step.storage, policy)
            return reservations.reserve(step, request, reservation)

        return self._in_step(work, request[0])

    def settle(
        self, name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim], likely: Sequence[bytes] = ()
    ) -> Settlement:
        return self._in_step(lambda step: settlements.settle(step, name, caller, key_cost, claims), key_of(name))

    def extend(self, name: bytes, caller: bytes, ttl_seconds: int) -> int:
        return self._in_step(lambda step: reservations.extend(step, name, caller, ttl_seconds), key_of(name))

    def cancel(self, name: bytes, caller: bytes) -> Settlement:
        return self._in_step(lambda step: settlements.cancel(step, name, caller), key_of(name))

    def forget_ended_reservations(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        deleted = 0
        while should_continue():
            swept = self._sweep_reservations()
            deleted += swept
            if swept < SWEEP_BATCH:
                break
        return deleted

    def _in_step(self, work: Callable[[Step], _Result], key: bytes) -> _Result:
        """Run `work` in a transaction of the store, and return its result. `key` is that whose record it changes."""
        raise NotImplementedError

    def _sweep_reservations(self) -> int:
        """Delete the first SWEEP_BATCH entries of the end of reservations that are past, and those reservations that
        were not extended. Return how many entries were deleted.
        """
        raise NotImplementedError


def find_ended(step: Step, ends: Iterable[bytes]) -> list[bytes]:
    """Return what to delete of a store, whose entries of ends in their order are `ends`: SWEEP_BATCH of these at most,
    their reservations, and the counts of keys without open ones.
    """
    names: list[bytes] = []
    for end in islice(ends, SWEEP_BATCH):
        kept_until_s, name = reservations.parse_end_name(end)
        if kept_until_s > step.now_s:
            break
        names.append(end)
        if reservations.is_over(step.storage.get(name), step.now_s):
            names.append(name)
        counted = open_reservations.record_name(key_of(name))
        if not open_reservations.count(step.storage.get(counted), step.now_s):
            names.append(counted)
    return names
