"""When a call is made again, and after how long."""

import math
from dataclasses import dataclass
from typing import Final

from latchkey.client.failures import ClientError, NoAnswer, ReceivedProblem, RefusedConnection

_FIRST_PAUSE_SECONDS: Final = 0.25
_PASSING: Final = frozenset((502, 503, 504))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a client is: a wait is a sleep in the thread that calls.

    At most `attempts` in all. `longest_wait_seconds` caps each wait: if the server asks for a longer one in
    `Retry-After`, the call is not made again. `total_seconds` bounds the whole call, its attempts and its waits: a wait
    that would end later is not begun.
    """

    attempts: int = 4
    longest_wait_seconds: float = 60.0
    total_seconds: float = math.inf

    def wait_before_next(
        self, failure: ClientError, *, method: str, made: int, named: bool = False, spent_seconds: float = 0.0
    ) -> float | None:
        """Return the seconds to wait after attempt number `made` (1 is the first), or None if it was the last. `named`:
        the call has an Idempotency-Key. `spent_seconds` is the time since the call began.
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
"""What a client does by default: it never sleeps, and leaves it to its caller what to do."""


def may_repeat(failure: ClientError, *, method: str, named: bool = False) -> bool:
    """Whether the same call may pass later, and does no harm where the first one got through after all.

    A 429 has done nothing, and a refused connection has sent nothing. All else is repeated only if it reads, or if it
    is `named` by an Idempotency-Key. A call that timed out is not: its time is spent.
    """
    harmless = method == "GET" or named
    if isinstance(failure, ReceivedProblem):
        return failure.status == 429 or (harmless and failure.status in _PASSING)
    if isinstance(failure, RefusedConnection):
        return True
    return type(failure) is NoAnswer and harmless
