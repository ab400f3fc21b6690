"""Uses that this host has decided about after the store that all hosts share had been asked and gave no response."""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ratelimit.bucket import Asked, Outcome
from ratelimit.stores.lmdb import LmdbStore

if TYPE_CHECKING:
    from ratelimit.stores.redis.line import Run
    from ratelimit.stores.redis.store import RedisStore


class _Use(NamedTuple):
    run: "Run"
    key: bytes
    allowed: int
    throttled: int


class UnknownUses:
    """The store may have counted them, and may still do so, as a server that was stopped does when it goes on. So they
    are counted here only when it is known that it did not and never will. Those of a process that ends before are
    counted at most once.
    """

    def __init__(self, local: LmdbStore, primary: "RedisStore") -> None:
        self._local = local
        self._primary = primary
        self._uses: deque[_Use] = deque()

    def take(self, asked: Asked, run: "Run") -> Outcome:
        """Decide by the host's own bucket, and count later. Raises what a store's `take` does."""
        outcome = self._local.take_uncounted(asked)
        if outcome[3] <= asked[3]:
            self._uses.append(_Use(run, asked[0], int(outcome[0]), int(not outcome[0])))
        return outcome

    def note(self, key: bytes, allowed: int, run: "Run") -> None:
        """Count later what was allowed before, and should have been counted by `run`."""
        self._uses.append(_Use(run, key, allowed, 0))

    def settle(self) -> None:
        """Count what the store has not counted. It answers again. Raises BucketStoreError."""
        while self._uses:
            line = self._uses[0].run.line
            last = self._primary.close_line(line)
            for use in [use for use in tuple(self._uses) if use.run.line == line]:
                if use.run.number > last:
                    self._local.count(use.key, use.allowed, use.throttled)
                self._uses.remove(use)
