"""Requests that this host decided itself after the remote store had been called and sent no response."""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ratelimit.bucket import Outcome, TakeRequest
from ratelimit.claim import NO_POLICY, Claim
from ratelimit.quota_grants import measured_claims
from ratelimit.stores.lmdb import LmdbStore
from ratelimit.stores.local_claims import usage_claims, with_unmeasured

if TYPE_CHECKING:
    from ratelimit.stores.call_sequence import ScriptCall
    from ratelimit.stores.redis.store import RedisStore


class _UnsettledCount(NamedTuple):
    """Requests of one key whose count depends on whether `call` was executed."""

    call: "ScriptCall"
    key: bytes
    allowed: int
    throttled: int
    usage: tuple[Claim, ...] = ()


class UnsettledRequests:
    """Requests that are counted locally only once it is certain that the remote store did not count them and never
    will.

    The store may have counted them, or may still do so, for example a stopped server that continues later. If this
    process ends before they are settled, they are counted at most once.
    """

    def __init__(self, local: LmdbStore, primary: "RedisStore") -> None:
        self._local = local
        self._primary = primary
        self._unsettled: deque[_UnsettledCount] = deque()

    def take(self, request: TakeRequest, call: "ScriptCall", policy: int = NO_POLICY) -> Outcome:
        """Decide the request like `LmdbStore.take_in_outage`, and count it later."""
        claims = request[5]
        usage = usage_claims(claims)
        decided = tuple(claim for claim in claims if claim not in usage) if usage else claims
        outcome = self._local.take_in_outage((*request[:5], decided), policy, counting=False)
        # With a newer epoch nothing was decided, so there is nothing to count.
        if outcome[3] <= request[3]:
            allowed = outcome[0]
            counted = _UnsettledCount(call, request[0], int(allowed), int(not allowed), usage if allowed else ())
            self._unsettled.append(counted)
        return with_unmeasured(outcome, measured_claims(claims), measured_claims(decided))

    def add(self, key: bytes, allowed: int, call: "ScriptCall") -> None:
        """Count requests later that were allowed before and that `call` was to count."""
        self._unsettled.append(_UnsettledCount(call, key, allowed, 0))

    def settle(self) -> None:
        """Count what the store has not counted. Call this once the store responds again. Raises BucketStoreError."""
        while self._unsettled:
            sequence = self._unsettled[0].call.sequence
            # Closing the sequence guarantees that no call of it is executed from now on, so the last executed number is
            # final.
            last = self._primary.close_sequence(sequence)
            for entry in [entry for entry in tuple(self._unsettled) if entry.call.sequence == sequence]:
                if entry.call.number > last:
                    self._local.add_counts(entry.key, entry.allowed, entry.throttled)
                    self._local.count_units(entry.usage)
                self._unsettled.remove(entry)
