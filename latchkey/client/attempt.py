"""Record of one attempt of a call, for logs."""

from collections.abc import Callable
from dataclasses import dataclass

from latchkey.client.failures import ClientError


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a call. `path` has no query.

    `status` is None without a response, and `failure` is None if the attempt succeeded. `milliseconds` is the time
    until the response has been read, for a stream until it ends.
    """

    method: str
    path: str
    number: int
    status: int | None
    failure: ClientError | None
    milliseconds: float
    request_id: str
    trace_id: str


AttemptObserver = Callable[[Attempt], None]


def ignore_attempt(_attempt: Attempt) -> None:
    """Ignore the attempt. This is the default."""
