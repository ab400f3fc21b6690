"""Charging: takes tokens of authenticated keys and of their plans' limits, and notices what has changed.

The operation of the bucket store that takes a token returns the key's current epoch. If it is newer than the
record's, nothing was taken, and the key is authenticated again.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from django.db import Error

from apikeys.address_limit import AddressLimit
from apikeys.auth_failures import count_failure
from apikeys.cache.key_cache import KeyCache
from apikeys.cache.records import KeyRecord
from apikeys.credential_check import CredentialCheck, Verified
from apikeys.plan_claims import MAX_ROUNDS, UNSETTLED, PlanClaims
from apikeys.policies.policies import Policies
from apikeys.policies.resolution import Resolved
from latchkey.peppers import Peppers
from latchkey.problems import ProblemError
from ratelimit.claim import Claim, Undecided
from ratelimit.costs import ONE, Costs
from ratelimit.decision import Decision
from ratelimit.limit import CostExceedsBurst
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError

UNCONFIRMED: Final = "a cached record of the key is old, and a change of the key since cannot be ruled out"

_Answer = TypeVar("_Answer")
Resolve = Callable[[KeyRecord, Costs, int | None], Resolved | None]
"""Returns the claims of a key's request at a time, in seconds since the Unix epoch; None stands for now."""


class Charger(CredentialCheck):
    """Takes tokens from the buckets of keys. `now` returns Unix time in seconds."""

    def __init__(
        self,
        cache: KeyCache,
        limiter: Limiter,
        peppers: Peppers,
        address_limit: AddressLimit,
        now: Callable[[], float],
        foreign_digest: Callable[[str, str], bytes],
        policies: Policies,
    ) -> None:
        super().__init__(peppers, now, foreign_digest)
        self._cache = cache
        self._limiter = limiter
        self._address_limit = address_limit
        self._policies = policies
        self._plan = PlanClaims(policies, limiter, now)

    @property
    def store_is_remote(self) -> bool:
        """Return whether taking tokens is a round trip over a network."""
        return self._limiter.store_is_remote

    def charge(self, verified: Verified, address: str | None, costs: Costs = ONE) -> tuple[Verified, Decision]:
        """Take `costs` of the key's bucket and of the limits of its plan: all of them or none. Return the decision,
        which may be a denial, and the record it is based on.

        If the key has changed since `verified`, it is loaded and authenticated again before anything is taken. So
        this raises the same errors as `Authenticator.authenticate`, or as `reauthenticate` without an `address`. It
        also raises UnknownUnits and CostExceedsBurst.
        """
        while True:
            record = verified.record
            decision = self._take(verified, costs)
            if decision.epoch <= record.epoch and not self._is_unconfirmed(record):
                return verified, decision
            try:
                newest = self._cache.load(verified.credential.key_id, decision.epoch)
                # The record was old, but is still current.
                if newest is not None and newest.epoch == record.epoch:
                    return verified, decision
                verified = self._authenticate_with(verified.credential, newest)
            except ProblemError as error:
                raise (error if address is None else count_failure(error, self._address_limit, address)) from None

    def read_policies(self) -> None:
        """Read the policies if this process has not done so. Call it on a thread that may read the database."""
        # If the database is down, `charge` raises its error.
        with suppress(Error):
            _ = self._policies.number

    def refresh_policies(self, newest: int) -> None:
        """Read what has changed of the policies up to `newest`. Raises django.db.Error."""
        self._policies.refresh(newest)

    def knows_units(self, costs: Costs) -> bool:
        """Return whether this process knows a plan for each unit of `costs`. If not, only `charge` can decide."""
        known = self._policies.known
        return known is not None and costs.others <= known.units

    def _take(self, verified: Verified, costs: Costs) -> Decision:
        """Take `costs`, and first do what the bucket store asks for. Raises django.db.Error if the database is down."""
        record = verified.record

        def take(claims: tuple[Claim, ...], policy: int) -> Decision:
            return self._limiter.take(
                verified.credential.key_id,
                record.limit,
                cost=costs.requests,
                epoch=record.epoch,
                slot=verified.slot,
                claims=claims,
                policy=policy,
            )

        decision, resolved = self._ask(record, costs, self._plan.of, take)
        return self._completed(decision, record, resolved)

    def _ask(
        self, record: KeyRecord, costs: Costs, resolve: Resolve, ask: Callable[[tuple[Claim, ...], int], _Answer]
    ) -> tuple[_Answer, Resolved | None]:
        """Return the bucket store's answer to the claims that `resolve` returns, and these. `ask` gets the claims and
        the number of the policies.
        """
        now_s = None
        self._plan.ensure_known(costs)
        for _ in range(MAX_ROUNDS):
            # Read before the claims, so that claims of older policies never have a newer number.
            number = self._policies.number
            resolved = resolve(record, costs, now_s)
            try:
                return ask(resolved.claims if resolved else (), number), resolved
            except Undecided as reason:
                now_s = self._plan.prepare(reason, record)
            except CostExceedsBurst as error:
                raise self._plan.exceeded(error, resolved) from None
        raise BucketStoreError(UNSETTLED)

    def _completed(self, decision: Decision, record: KeyRecord, resolved: Resolved | None) -> Decision:
        # A decision of a newer epoch decided nothing.
        if resolved is None or decision.epoch > record.epoch:
            return decision
        return self._plan.completed(decision, resolved)

    def _is_unconfirmed(self, record: KeyRecord) -> bool:
        """Return whether the record is old and the bucket store has switched to its fallback, which may not know
        of a change.
        """
        return not self._limiter.confirms_epochs and self._cache.is_old(record)
