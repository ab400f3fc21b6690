"""When a call is made again, and after how long."""

from dataclasses import dataclass
from typing import Final

from latchkey.client.failures import ClientError, NoAnswer, ReceivedProblem, RefusedConnection

_FIRST_PAUSE_SECONDS: Final = 0.25
_PASSING: Final = frozenset((502, 503, 504))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` in all. `longest_wait_seconds` caps each wait: where the server asks for a longer one in
    `Retry-After`, the call is not made again.
    """

    attempts: int = 4
    longest_wait_seconds: float = 60.0

    def wait_before_next(self, failure: ClientError, *, method: str, made: int) -> float | None:
        """The seconds to wait after attempt number `made` (1 is the first); None where it was the last."""
        if made >= self.attempts or not may_repeat(failure, method=method):
            return None
        pause: float = min(_FIRST_PAUSE_SECONDS * 2 ** (made - 1), self.longest_wait_seconds)
        asked = failure.retry_after_seconds if isinstance(failure, ReceivedProblem) else None
        if asked is None:
            return pause
        return float(asked) if asked <= self.longest_wait_seconds else None


NO_RETRIES: Final = RetryPolicy(attempts=1)


def may_repeat(failure: ClientError, *, method: str) -> bool:
    """Whether the same call may pass later, and does no harm where the first one got through after all.

    A 429 has done nothing, and a refused connection has sent nothing. All else is repeated only where it reads. A call
    that timed out is not: its time is spent.
    """
    if isinstance(failure, ReceivedProblem):
        return failure.status == 429 or (method == "GET" and failure.status in _PASSING)
    if isinstance(failure, RefusedConnection):
        return True
    return type(failure) is NoAnswer and method == "GET"
