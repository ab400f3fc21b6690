"""What a bucket answered, in the units that people and headers speak."""

from typing import NamedTuple

from ratelimit.limit import NS_PER_SECOND, Limit


class Decision(NamedTuple):
    """One answer of a bucket under `limit` (None: the key is unlimited).

    `debt` is in ticks of the limit, counted after the request where it was allowed; `wait_ns` is how long a denied
    caller has to wait until the same request passes; `epoch` is the key's.
    """

    limit: Limit | None
    allowed: bool
    debt: int
    wait_ns: int
    epoch: int

    @property
    def remaining(self) -> int:
        """Whole tokens left; 0 for an unlimited key, which has no bucket."""
        return (self.limit.capacity - self.debt) // self.limit.price if self.limit else 0

    @property
    def next_token_seconds(self) -> int:
        """Whole seconds, rounded up, until one more token is there; 0 where the bucket is full."""
        if self.limit is None or self.debt == 0:
            return 0
        awaited = self.debt - (self.limit.capacity - (self.remaining + 1) * self.limit.price)
        return -(-awaited // (self.limit.ticks * NS_PER_SECOND))

    @property
    def reset_seconds(self) -> int:
        """Whole seconds, rounded up, until the bucket is full."""
        return -(-self.debt // (self.limit.ticks * NS_PER_SECOND)) if self.limit else 0

    @property
    def retry_after_seconds(self) -> int:
        """Whole seconds, rounded up and so at least 1, after which the denied request passes."""
        return -(-self.wait_ns // NS_PER_SECOND)
