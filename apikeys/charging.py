"""Charging: takes tokens from the buckets of authenticated keys, and notices keys that have changed.

The operation of the bucket store that takes a token returns the key's current epoch. If it is newer than the
record's, nothing was taken, and the key is authenticated again.
"""

from collections.abc import Callable, Sequence
from typing import Final

from apikeys.address_limit import AddressLimit
from apikeys.auth_failures import count_failure
from apikeys.cache.key_cache import KeyCache
from apikeys.cache.records import KeyRecord
from apikeys.credential_check import CredentialCheck, Verified
from latchkey.peppers import Peppers
from latchkey.problems import ProblemError
from ratelimit.bucket import TakeRequest
from ratelimit.decision import Decision
from ratelimit.limiter import DecisionResult, Limiter
from ratelimit.stores import BucketStoreError

UNCONFIRMED: Final = "a cached record of the key is old, and a change of the key since cannot be ruled out"

ChargeResult = DecisionResult
"""Result of one of several charges. None means that the key has changed and nothing was taken."""


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
    ) -> None:
        super().__init__(peppers, now, foreign_digest)
        self._cache = cache
        self._limiter = limiter
        self._address_limit = address_limit

    @property
    def store_is_remote(self) -> bool:
        """Return whether taking tokens is a round trip over a network."""
        return self._limiter.store_is_remote

    def charge(self, verified: Verified, address: str | None, cost: int = 1) -> tuple[Verified, Decision]:
        """Take `cost` tokens of the key's bucket. Return the decision, which may be a denial, and the record it is
        based on.

        If the key has changed since `verified`, it is loaded and authenticated again before anything is taken. So
        this raises the same errors as `Authenticator.authenticate`, or as `reauthenticate` without an `address`.
        """
        while True:
            record = verified.record
            decision = self._limiter.take(
                verified.credential.key_id, record.limit, cost=cost, epoch=record.epoch, slot=verified.slot
            )
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

    def charge_batch(self, requests: Sequence[tuple[Verified, int]]) -> list[ChargeResult]:
        """Take tokens for several requests like `charge`, in one call of the bucket store, each with its cost.

        The results are in the same order. A result is None if the key has changed, so that nothing was taken and
        `Authenticator.authenticate_and_charge` has to decide. If this raises, nothing was taken at all.
        """
        return self._confirmed(requests, self._limiter.take_many(_take_requests(requests)))

    async def charge_batch_on_loop(self, requests: Sequence[tuple[Verified, int]]) -> list[ChargeResult]:
        """Take tokens like `charge_batch` if the bucket store is remote, without blocking the event loop."""
        return self._confirmed(requests, await self._limiter.take_many_async(_take_requests(requests)))

    def _confirmed(
        self, requests: Sequence[tuple[Verified, int]], decisions: Sequence[DecisionResult]
    ) -> list[ChargeResult]:
        """Return the decisions that are based on the current state of their keys, and None or an error for others."""
        results: list[ChargeResult] = [
            None if isinstance(decision, Decision) and decision.epoch > verified.record.epoch else decision
            for (verified, _), decision in zip(requests, decisions, strict=True)
        ]
        if not self._limiter.confirms_epochs:
            for place, (verified, _) in enumerate(requests):
                # The fallback may not know of a change, so an old record is not sufficient.
                if isinstance(results[place], Decision) and self._cache.is_old(verified.record):
                    # If the database is up, `authenticate_and_charge` reads it. The token that this host's local
                    # bucket gave is lost.
                    results[place] = BucketStoreError(UNCONFIRMED) if self._cache.database_is_down else None
        return results

    def _is_unconfirmed(self, record: KeyRecord) -> bool:
        """Return whether the record is old and the bucket store has switched to its fallback, which may not know
        of a change.
        """
        return not self._limiter.confirms_epochs and self._cache.is_old(record)


def _take_requests(requests: Sequence[tuple[Verified, int]]) -> list[TakeRequest]:
    return [(v.credential.key_id.encode(), v.record.limit, cost, v.record.epoch, v.slot, ()) for v, cost in requests]
