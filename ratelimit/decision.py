"""Decisions of a bucket, in the units that people and HTTP headers use."""

from typing import NamedTuple

from ratelimit.claim import Claim, ClaimState, StateTuple
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.shown_limits import ShownLimits


class Decision(NamedTuple):
    """The decision of a bucket about one request under `limit` (None: the key is unlimited).

    `debt` is in ticks of the limit and includes the request if it was allowed. `wait_ns` is how long the caller of
    a denied request has to wait, in nanoseconds, until the key's limit would allow the same request. `epoch` is the
    key's epoch. `measured` are the states of `claims`, the request's claims on the limits of plans, in the same order.
    `shown` are the limits of the key's plan that the response shows, None without a plan, and `now_s` is the time of
    the decision in seconds since the Unix epoch.
    """

    limit: Limit | None
    allowed: bool
    debt: int
    wait_ns: int
    epoch: int
    measured: tuple[StateTuple, ...] = ()
    claims: tuple[Claim, ...] = ()
    shown: ShownLimits | None = None
    now_s: float = 0.0

    @property
    def states(self) -> tuple[ClaimState, ...]:
        """Return the states of the claims."""
        return tuple(map(ClaimState._make, self.measured))

    @property
    def remaining(self) -> int:
        """Return the whole tokens left; 0 for an unlimited key, which has no bucket."""
        return (self.limit.capacity - self.debt) // self.limit.price if self.limit else 0

    @property
    def next_token_seconds(self) -> int:
        """Return the whole seconds, rounded up, until one more token is available; 0 if the bucket is full."""
        if self.limit is None or self.debt == 0:
            return 0
        awaited = self.debt - (self.limit.capacity - (self.remaining + 1) * self.limit.price)
        # Negate twice to round up: a client that retries after this time must find the token there.
        return -(-awaited // (self.limit.ticks * NS_PER_SECOND))

    @property
    def reset_seconds(self) -> int:
        """Return the whole seconds, rounded up, until the bucket is full."""
        return -(-self.debt // (self.limit.ticks * NS_PER_SECOND)) if self.limit else 0

    @property
    def retry_after_seconds(self) -> int:
        """Return the whole seconds, rounded up, after which a denied request would be allowed; at least 1.

        If several limits refused it, this is the longest wait.
        """
        return -(-max((self.wait_ns, *(state.wait_ns for state in self.states))) // NS_PER_SECOND)

    @property
    def refused_by_key(self) -> bool:
        """Return whether the key's own limit refused the request."""
        return self.wait_ns > 0
