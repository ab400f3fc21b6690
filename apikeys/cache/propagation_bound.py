"""Propagation bound: the time from which a change applies everywhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from apikeys.cache.key_cache import TTL_SECONDS
from ratelimit.limiter import Limiter
from ratelimit.stores.fallback_mode import FallbackMode

_ALMOST_A_MILLISECOND: Final = timedelta(microseconds=999)


@dataclass(frozen=True, slots=True)
class PropagationBound:
    """The limits on how long a node may act on the state before a change, in seconds.

    `trusted_seconds` is how old an unconfirmed record may be. `stale_seconds` is how old a record may be that the
    bucket store confirms while the database is down. `lease_seconds` is how long leased tokens are spent without
    calling the store. `decides_alone` says whether a node that is cut off from the store continues without it.
    """

    trusted_seconds: float
    stale_seconds: float
    lease_seconds: float
    decides_alone: bool

    def after_publication(self, *, published: bool) -> float:
        """Return for how many seconds after the publication of a change, or its failure, a node may act on the old
        state.

        Proof. A node acts on a record in three cases: the store confirms its epoch in the same operation; the
        store did so within the last `lease_seconds`, for leased tokens; or the store is unavailable and the record
        is younger than `trusted_seconds`. Let T be right after the publication.

        - From T on the store confirms only the new state. Leases from before T end by T + `lease_seconds`.
        - A node that decides alone goes by the age of its record. A record from before the commit was read before
          T, and no question that the change feed asked after T confirms it, because the answer drops it. So it is too
          old from T + `trusted_seconds` on.
        - If the publication failed, the store confirms the old epoch. But a record from before the commit is not
          used at all from T + `stale_seconds` on.

        A record's age counts from before it was read, or from before the last question that confirmed it, by a clock
        that is never set.
        """
        if not published:
            return max(self.lease_seconds, self.trusted_seconds, self.stale_seconds)
        return max(self.lease_seconds, self.trusted_seconds) if self.decides_alone else self.lease_seconds

    def effective_by(self, now: datetime, *, published: bool) -> datetime:
        """Return the time from which no node acts on the old state, in whole milliseconds, rounded up.

        `now` is right after the publication.
        """
        exact = now + timedelta(seconds=self.after_publication(published=published)) + _ALMOST_A_MILLISECOND
        return exact.replace(microsecond=exact.microsecond // 1000 * 1000)


def propagation_bound(limiter: Limiter) -> PropagationBound:
    """Return the bound under the current settings."""
    return PropagationBound(
        trusted_seconds=TTL_SECONDS,
        stale_seconds=settings.DIRECTORY_STALE_SECONDS,
        lease_seconds=limiter.lease_seconds,
        decides_alone=limiter.store_is_remote and limiter.fallback != FallbackMode.DENY,
    )
