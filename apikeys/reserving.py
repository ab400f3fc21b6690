"""Reserving: takes an estimate of a request's costs, and slots, as a charge takes its costs.

Like a charge, the operation of the bucket store returns the key's current epoch. If it is newer than the record's,
nothing was reserved, and the key is authenticated again.
"""

from contextlib import suppress
from typing import NamedTuple

from apikeys.charging import Charger
from apikeys.credential_check import Verified
from apikeys.reservation_errors import reservation_problems
from ratelimit.claim import Claim
from ratelimit.costs import Costs
from ratelimit.decision import Decision
from ratelimit.reservation import NewReservation, ReservationError
from ratelimit.reservation_id import id_of, new_name
from ratelimit.stores import BucketStoreError
from ratelimit.stores.base import OutcomeUnknown


class NewlyReserved(NamedTuple):
    """What became of an attempt to reserve: the decision, and the ID and the end of the reservation if it is allowed.

    `expires_s` is in seconds since the Unix epoch; it is 0, and the ID is empty, if the decision is a denial.
    """

    decision: Decision
    reservation_id: str
    expires_s: int


class ReservingCharger(Charger):
    """Charger that also makes reservations."""

    def reserve(
        self, verified: Verified, costs: Costs, service: str, ttl_seconds: int
    ) -> tuple[Verified, NewlyReserved]:
        """Reserve `costs` and slots of the key for `ttl_seconds` (at least 1): all of them or none. `service` is the ID
        of the key that asks. Return what became of it, and the record that it is based on.

        Raises what `charge` raises, and ReservationsExhausted. While the bucket store is down, it raises
        BucketStoreError in every mode of the fallback.
        """
        while True:
            made = self._reserve(verified, costs, service, ttl_seconds)
            if made.decision.epoch <= verified.record.epoch:
                return verified, made
            newest = self._cache.load(verified.credential.key_id, made.decision.epoch)
            verified = self._authenticate_with(verified.credential, newest)

    def _reserve(self, verified: Verified, costs: Costs, service: str, ttl_seconds: int) -> NewlyReserved:
        key, record = verified.credential.key_id.encode(), verified.record
        new = NewReservation(new_name(key), service.encode(), ttl_seconds)

        def reserve(claims: tuple[Claim, ...], policy: int) -> tuple[Decision, int]:
            request = (key, record.limit, costs.requests, record.epoch, verified.slot, claims)
            return self._limiter.reserve(request, new, policy)

        try:
            with reservation_problems():
                (decision, expires_s), resolved = self._ask(record, costs, self._plan.of_reservation, reserve)
        except OutcomeUnknown:
            # It may have been made, and no caller will know its ID.
            with suppress(BucketStoreError, ReservationError):
                self._limiter.cancel(new.name, new.caller)
            raise
        decision = self._completed(decision, record, resolved)
        return NewlyReserved(decision, id_of(new.name) if expires_s else "", expires_s)
