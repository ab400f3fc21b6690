"""Reserver: makes reservations in a bucket store, and settles, extends and cancels them."""

from collections.abc import Callable, Sequence

from ratelimit.bucket import TakeRequest
from ratelimit.claim import NO_POLICY, Claim
from ratelimit.decision import Decision
from ratelimit.reservation import NewReservation, Settlement
from ratelimit.store_calls import StoreCalls


class Reserver(StoreCalls):
    """Takes costs and slots ahead of work. Every method may raise BucketStoreError."""

    def reserve(
        self, request: TakeRequest, reservation: NewReservation, policy: int = NO_POLICY
    ) -> tuple[Decision, int]:
        """Decide a request like `take`, and if it is allowed, make a reservation of its costs.

        `request` has the estimates; 0 passes while anything is left. Its claims may include those on slots (a Term
        without a limit and without an end), each with a cost of 1. `reservation` has a name of
        `ratelimit.reservation_id.new_name`, the id of the key that asks, and for how many whole seconds (at least 1)
        the reservation stays open by the store's clock. Return the decision, and the reservation's end in seconds since
        the Unix epoch, or 0 if the decision is not allowed, or decided nothing because its epoch is newer.

        Clients get `ratelimit.reservation_id.id_of(name)`, and `name_of` returns the name for it.

        Raises Undecided and CostExceedsBurst as `take` does, TooManyReservations, and BucketStoreError. While a remote
        store is down, it raises BucketStoreUnavailable in every mode of the fallback. After OutcomeUnknown, the
        reservation may have been made: cancel it, or it stays at its estimate.
        """
        _, limit, _, epoch, _, claims = request
        outcome, expires_s = self._timed(lambda: self.store.reserve(request, reservation, policy))
        decision = Decision(limit, *outcome, claims)
        if decision.epoch == epoch:
            self._metrics.count(decision)
        return decision, expires_s

    def settle(
        self, name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim], likely: Sequence[bytes] = ()
    ) -> Settlement:
        """Replace the estimate of the reservation `name` by the actual costs, and free its slots.

        `caller` is the id of the key that reserved. `key_cost` (0 or more) is the cost for the limit `key`; it is
        ignored if the key was unlimited when it reserved. `claims` are the current claims of the key on the limits
        whose units have a cost, with that cost: what was reserved of any other counter is returned, and a claim on a
        counter that was not reserved is charged in full. Claims on slots have no effect here. `likely` are other
        counters that the reservation may have.

        Nothing is refused. A quota counts all of it, in the period in which it was reserved; the debt of a plan's rate
        ends at two full buckets and that of the limit `key` at one. `Charge.forgiven` says what that left uncharged.
        Epochs and policies don't matter. Settling again returns the settlement of the first time, whatever the costs.

        If a charge has an `ends_s` that has passed, it changed a period whose row the database has already: write the
        charge's `value` to it.

        Raises ReservationUnknown (also for another caller's), ReservationExpired (it stays at its estimate),
        ReservationEnded (it was cancelled), TermsEnded and CountersMissing (resolve or seed, then settle again), and
        BucketStoreError. After any BucketStoreError it is safe to settle again.
        """
        return self._counting_errors(lambda: self.store.settle(name, caller, key_cost, claims, likely))

    def extend(self, name: bytes, caller: bytes, ttl_seconds: int) -> int:
        """Keep an open reservation and its slots for `ttl_seconds` (at least 1) from now, by the store's clock.

        It never gets shorter. Return its end in seconds since the Unix epoch. Raises ReservationUnknown,
        ReservationExpired, ReservationEnded (it was settled or cancelled) and BucketStoreError.
        """
        return self._counting_errors(lambda: self.store.extend(name, caller, ttl_seconds))

    def cancel(self, name: bytes, caller: bytes) -> Settlement:
        """Give back all that a reservation took, and free its slots. Cancelling again returns the same settlement.

        Raises ReservationUnknown, ReservationExpired, ReservationEnded (it was settled) and BucketStoreError.
        """
        return self._counting_errors(lambda: self.store.cancel(name, caller))

    def forget_ended_reservations(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Delete reservations that ended long enough ago, as long as `should_continue` returns true. Return how many
        were deleted; 0 for a store that deletes them automatically.
        """
        return self.store.forget_ended_reservations(should_continue)
