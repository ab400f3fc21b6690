"""Decisions of a host during an outage of the store that all hosts share, as BUCKET_STORE_FALLBACK says."""

from collections.abc import Callable
from typing import Final

from ratelimit import metrics
from ratelimit.bucket import Outcome, TakeRequest
from ratelimit.claim import NO_POLICY, Undecided
from ratelimit.limit import CostExceedsBurst
from ratelimit.quota_grants import GrantsUsedUp, measured_claims
from ratelimit.stores.base import (
    ADDRESS_PREFIX,
    BucketStoreError,
    BucketStoreUnavailable,
    OutcomeUnknown,
    TakeResult,
)
from ratelimit.stores.fallback_mode import FallbackMode
from ratelimit.stores.lmdb import LmdbStore
from ratelimit.stores.local_claims import has_quota, usage_claims, with_unmeasured
from ratelimit.stores.unsettled_requests import UnsettledRequests

_UNCONFIRMED_SECONDS: Final = 1.0


class LocalDecisions:
    """Decides by the host's own `store` in place of the one at `url`. The store is None with DENY.

    `unsettled` are requests that the other store may have counted. `clock` returns seconds.
    """

    def __init__(
        self,
        store: LmdbStore | None,
        mode: FallbackMode,
        url: str,
        unsettled: UnsettledRequests | None,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._mode = mode
        self._url = url
        self._unsettled = unsettled
        self._clock = clock
        self._recent_until = 0.0

    @property
    def is_recent(self) -> bool:
        """Return whether something was decided here a moment ago."""
        return self._clock() < self._recent_until

    def store(self) -> LmdbStore:
        """Return the host's store, by which something is decided now. Raises BucketStoreError with DENY."""
        if self._store is None:
            raise BucketStoreError(f"{self._url} does not respond, and BUCKET_STORE_FALLBACK is deny")
        self._recent_until = self._clock() + _UNCONFIRMED_SECONDS
        return self._store

    def take(self, request: TakeRequest, policy: int = NO_POLICY, error: BucketStoreError | None = None) -> Outcome:
        """Decide a request like a store's `take`. `error` is that of the other store, if it was asked."""
        store = self.store()
        metrics.FALLBACK_DECISIONS.inc()
        key, limit, cost, epoch, slot, claims = request
        # Attempts of an address stay limited in every mode, so that an outage doesn't allow unlimited guessing of
        # secrets.
        if self._mode is FallbackMode.ALLOW and not key.startswith(ADDRESS_PREFIX):
            if limit is not None and cost > limit.burst:
                raise CostExceedsBurst(cost, limit)
            limit, policy = None, NO_POLICY
        asked = usage_claims(claims) if self._mode is FallbackMode.ALLOW else claims
        request = (key, limit, cost, epoch, slot, asked)
        try:
            # The other store may have counted this request already, so this one must not count it yet.
            if self._unsettled is not None and isinstance(error, OutcomeUnknown) and error.call is not None:
                outcome = self._unsettled.take(request, error.call, policy)
            elif has_quota(asked):
                outcome = store.take_in_outage(request, policy)
            else:
                outcome = store.take(*request, policy)
        except GrantsUsedUp:
            detail = f"{self._url} does not respond, and this host has no more of a quota"
            raise BucketStoreUnavailable(detail) from None
        return with_unmeasured(outcome, claims, measured_claims(asked)) if claims else outcome

    def try_take(
        self, request: TakeRequest, policy: int = NO_POLICY, error: BucketStoreError | None = None
    ) -> TakeResult:
        """Decide a request like `take`, and return an error as its result."""
        try:
            return self.take(request, policy, error)
        except (CostExceedsBurst, Undecided, BucketStoreError) as raised:
            return raised
