"""Requests that this host decided itself after the remote store had been called and sent no response."""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ratelimit.bucket import Outcome, TakeRequest
from ratelimit.stores.lmdb import LmdbStore

if TYPE_CHECKING:
    from ratelimit.stores.redis.call_sequence import Run
    from ratelimit.stores.redis.store import RedisStore


class _Use(NamedTuple):
    """Requests of one key whose count depends on whether `run` was executed."""

    run: "Run"
    key: bytes
    allowed: int
    throttled: int


class UnsettledRequests:
    """Requests that are counted locally only once it is certain that the remote store did not count them and never
    will.

    The store may have counted them, or may still do so, for example a stopped server that continues later. If this
    process ends before they are settled, they are counted at most once.
    """

    def __init__(self, local: LmdbStore, primary: "RedisStore") -> None:
        self._local = local
        self._primary = primary
        self._uses: deque[_Use] = deque()

    def take(self, asked: TakeRequest, run: "Run") -> Outcome:
        """Decide the request by the local bucket and count it later. Raises the same errors as a store's `take`."""
        outcome = self._local.take_uncounted(asked)
        # With a newer epoch nothing was decided, so there is nothing to count.
        if outcome[3] <= asked[3]:
            self._uses.append(_Use(run, asked[0], int(outcome[0]), int(not outcome[0])))
        return outcome

    def note(self, key: bytes, allowed: int, run: "Run") -> None:
        """Count requests later that were allowed before and that `run` was to count."""
        self._uses.append(_Use(run, key, allowed, 0))

    def settle(self) -> None:
        """Count what the store has not counted. Call this once the store responds again. Raises BucketStoreError."""
        while self._uses:
            line = self._uses[0].run.line
            # Closing the line guarantees that no run of it is executed from now on, so the last executed number is
            # final.
            last = self._primary.close_line(line)
            for use in [use for use in tuple(self._uses) if use.run.line == line]:
                if use.run.number > last:
                    self._local.count(use.key, use.allowed, use.throttled)
                self._uses.remove(use)
