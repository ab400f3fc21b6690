"""Retries: when a call is made again, and after how long."""

import math
from dataclasses import dataclass
from typing import Final

from latchkey.client.failures import ClientError, NoResponse, ReceivedProblem, RefusedConnection

_FIRST_PAUSE_SECONDS: Final = 0.25
_TRANSIENT: Final = frozenset((502, 503, 504))


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
        self, failure: ClientError, *, method: str, attempt: int, idempotent: bool = False, spent_seconds: float = 0.0
    ) -> float | None:
        """Return the seconds to wait after attempt number `attempt` (1 is the first), or None if it was the last.

        `idempotent`: the call has an Idempotency-Key. `spent_seconds` is the time since the call began.
        """
        wait = self._wait(failure, method=method, attempt=attempt, idempotent=idempotent)
        return None if wait is None or spent_seconds + wait >= self.total_seconds else wait

    def _wait(self, failure: ClientError, *, method: str, attempt: int, idempotent: bool) -> float | None:
        if attempt >= self.attempts or not is_retryable(failure, method=method, idempotent=idempotent):
            return None
        pause: float = min(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), self.longest_wait_seconds)
        retry_after = failure.retry_after_seconds if isinstance(failure, ReceivedProblem) else None
        if retry_after is None:
            return pause
        return float(retry_after) if retry_after <= self.longest_wait_seconds else None


NO_RETRIES: Final = RetryPolicy(attempts=1)
"""Default of a client: it never sleeps, and leaves retries to its caller."""


def is_retryable(failure: ClientError, *, method: str, idempotent: bool = False) -> bool:
    """Return whether the same call may succeed later, and does no harm if the first one was carried out after all."""
    # A call without an effect can be repeated, and so can one that the server recognizes by its Idempotency-Key.
    harmless = method == "GET" or idempotent
    if isinstance(failure, ReceivedProblem):
        # A 429 has done nothing, whatever the method.
        return failure.status == 429 or (harmless and failure.status in _TRANSIENT)
    # Nothing was sent.
    if isinstance(failure, RefusedConnection):
        return True
    # The exact type, without its subclasses: a call that timed out, for example, has used up its time.
    return type(failure) is NoResponse and harmless
