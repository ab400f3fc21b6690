"""Record of one call, for logs."""

from collections.abc import Callable
from dataclasses import dataclass

from latchkey.client.failures import ClientError


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of a call. `path` has no query.

    `status` is None without a response, and `failure` is None if the attempt succeeded. `milliseconds` is the time
    until the response has been read, for a stream until it ends.
    """

    method: str
    path: str
    attempt: int
    status: int | None
    failure: ClientError | None
    milliseconds: float
    request_id: str
    trace_id: str


Observe = Callable[[Call], None]


def observe_nothing(_call: Call) -> None:
    """Ignore the call. This is the default."""
