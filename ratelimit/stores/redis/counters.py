"""Counters of plans' limits in Redis, and the number of the policies."""

from collections.abc import Sequence
from typing import Final

from ratelimit import claim_arithmetic, quotas
from ratelimit.claim import FOREVER_S, Claim, ClaimState, QuotaUse, Term, Undecided
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores.base import BucketStoreError, ClaimsUnsupported
from ratelimit.stores.redis import claim_encoding
from ratelimit.stores.redis.claim_encoding import ADD, CHARGE, NO_CONVERSIONS, SET, Conversions
from ratelimit.stores.redis.commands import RedisCommands
from ratelimit.stores.redis.key_names import EncodedRequest
from ratelimit.stores.redis.scripts import ADJUST, SEED, SET_POLICY

_ATTEMPTS: Final = 5


class RedisCounters(RedisCommands):
    """Access to the counters of plans' limits. Every method raises BucketStoreError."""

    def policy(self) -> int:
        with self._store_errors():
            return claim_encoding.parse_policy(self._client.get(self.keys.policy))

    def set_policy(self, number: int) -> None:
        self._run(SET_POLICY, [self.keys.policy], [number])

    def peek_claims(self, claims: Sequence[Claim]) -> list[ClaimState | Undecided]:
        counters, now_ns = self._read_counters([claim.counter for claim in claims]), self.now_ns()
        return [claim_arithmetic.peek(counters.get, claim, now_ns) for claim in claims]

    def quota_uses(self, counters: Sequence[bytes]) -> list[QuotaUse | None]:
        found = self._read_counters(counters)
        return [quotas.use_of(one, found[one]) for one in counters]

    def seed_quotas(self, uses: Sequence[QuotaUse]) -> None:
        if not uses:
            return
        for group in self.keys.group_by_call(uses):
            names = [self.keys.counter(use.counter) for use in group]
            self._run(SEED, names, [claim_encoding.encode_seed(use) for use in group])

    def adjust(self, claim: Claim, *, used: int | None = None, add: int | None = None) -> ClaimState:
        amount = (add or 0) if used is None else used
        changes = [ADD if used is None else SET, int(amount < 0), *claim_encoding.encode_amounts(claim, abs(amount))]
        conversions: Conversions = NO_CONVERSIONS
        # Another process may change the limit again between the conversion and the next attempt.
        for _ in range(_ATTEMPTS):
            # A cost of 0 that is not enforced leaves the counter as it is at the time of the call.
            neutral = claim_encoding.encode_claim(claim._replace(cost=0, enforced=False), conversions)
            numbers = self._run(ADJUST, [self.keys.counter(claim.counter)], [self.time_argument(), neutral, *changes])
            with self._store_errors():
                state = claim_encoding.parse_adjusted(claim, numbers)
            if isinstance(state, Undecided):
                raise state
            if state is not None:
                return state
            conversions = self.conversions_of([claim])
        raise BucketStoreError(f"{self.url}: the limit of a counter keeps changing")

    def charge_rate(self, counter: bytes, definition: int, limit: Limit, tokens: int) -> None:
        """Add `tokens` to the debt of a rate's counter, up to a full bucket. A counter with another definition or under
        another limit stays unchanged.
        """
        claim = Claim(counter, definition, 0, False, (Term(FOREVER_S, limit),))
        arguments = [self.time_argument(), claim_encoding.encode_claim(claim, NO_CONVERSIONS), CHARGE, 0]
        self._run(ADJUST, [self.keys.counter(counter)], [*arguments, *claim_encoding.encode_amounts(claim, tokens)])

    def charge_quota(self, counter: bytes, definition: int, ends_s: int, units: int) -> None:
        """Add `units` to what is used of a quota in the period that ends at `ends_s`, if that has not ended. A counter
        that is missing, or has another definition, stays as it is.
        """
        claim = Claim(counter, definition, 0, False, (Term(ends_s, None, 1, ends_s),))
        arguments = [self.time_argument(), claim_encoding.encode_claim(claim, NO_CONVERSIONS), CHARGE, 0]
        self._run(ADJUST, [self.keys.counter(counter)], [*arguments, *claim_encoding.encode_amounts(claim, units)])

    def conversions_of(self, claims: Sequence[Claim]) -> Conversions:
        """Return the conversion of each claim's counter to the limit that applies now, if it is under another one."""
        if not claims:
            return NO_CONVERSIONS
        found, now_ns = self._counter_values([claim.counter for claim in claims]), self.now_ns()
        limits = [_limit_at(claim, now_ns) for claim in claims]
        return {
            claim.counter: claim_encoding.encode_conversion(raw, limit, now_ns)
            for claim, raw, limit in zip(claims, found, limits, strict=True)
            if limit is not None
        }

    def unsupported(self, requests: Sequence[EncodedRequest]) -> list[ClaimsUnsupported]:
        """Return an error for each request if one call of a script can't decide them; nothing if it can."""
        if all(self.keys.can_decide(request) for request, _ in requests):
            return []
        message = (
            f"{self.url}: limits that an owner's keys share need one server: Redis Cluster can't take them in one step"
        )
        return [ClaimsUnsupported(message) for _ in requests]

    def _read_counters(self, names: Sequence[bytes]) -> dict[bytes, bytes | None]:
        """Return the records of counters by their names, as in ratelimit/counters.py."""
        return dict(zip(names, map(claim_encoding.parse_counter, self._counter_values(names)), strict=True))

    def _counter_values(self, counters: Sequence[bytes]) -> list[bytes | None]:
        if not counters:
            return []
        with self._store_errors():
            return self._values([self.keys.counter(one) for one in counters])


def _limit_at(claim: Claim, now_ns: int) -> Limit | None:
    """Return the limit of the claim's term that applies at a time; None if it is a quota or if all terms have ended."""
    return next((term.limit for term in claim.terms if now_ns < term.until_s * NS_PER_SECOND), None)
