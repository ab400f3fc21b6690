"""Retries: when a call is made again, and after how long."""

import math
from dataclasses import dataclass
from typing import Final

from latchkey.client.failures import ClientError, NoAnswer, ReceivedProblem, RefusedConnection

_FIRST_PAUSE_SECONDS: Final = 0.25
_PASSING: Final = frozenset((502, 503, 504))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of retries. A wait is a sleep in the calling thread.

    `attempts` is the number of attempts in all. `longest_wait_seconds` caps each wait: if the server asks for a
    longer one in `Retry-After`, the call isn't made again. `total_seconds` bounds the whole call, with its
    attempts and its waits: a wait that would end later isn't begun.
    """

    attempts: int = 4
    longest_wait_seconds: float = 60.0
    total_seconds: float = math.inf

    def wait_before_next(
        self, failure: ClientError, *, method: str, made: int, named: bool = False, spent_seconds: float = 0.0
    ) -> float | None:
        """Return the seconds to wait after attempt number `made` (1 is the first), or None if it was the last.

        `named`: the call has an Idempotency-Key. `spent_seconds` is the time since the call began.
        """
        wait = self._wait(failure, method=method, made=made, named=named)
        return None if wait is None or spent_seconds + wait >= self.total_seconds else wait

    def _wait(self, failure: ClientError, *, method: str, made: int, named: bool) -> float | None:
        if made >= self.attempts or not may_repeat(failure, method=method, named=named):
            return None
        pause: float = min(_FIRST_PAUSE_SECONDS * 2 ** (made - 1), self.longest_wait_seconds)
        asked = failure.retry_after_seconds if isinstance(failure, ReceivedProblem) else None
        if asked is None:
            return pause
        return float(asked) if asked <= self.longest_wait_seconds else None


NO_RETRIES: Final = RetryPolicy(attempts=1)
"""Default of a client: it never sleeps, and leaves retries to its caller."""


def may_repeat(failure: ClientError, *, method: str, named: bool = False) -> bool:
    """Return whether the same call may succeed later, and does no harm if the first one was carried out after all."""
    # A call without an effect can be repeated, and so can one that the server recognizes by its Idempotency-Key.
    harmless = method == "GET" or named
    if isinstance(failure, ReceivedProblem):
        # A 429 has done nothing, whatever the method.
        return failure.status == 429 or (harmless and failure.status in _PASSING)
    # Nothing was sent.
    if isinstance(failure, RefusedConnection):
        return True
    # The exact type, without its subclasses: a call that timed out, for example, has used up its time.
    return type(failure) is NoAnswer and harmless
