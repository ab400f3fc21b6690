"""One call as it went, for whoever wants to log it."""

from collections.abc import Callable
from dataclasses import dataclass

from latchkey.client.failures import ClientError


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt. `status` is None where there was no answer; `failure` None where it succeeded; `path` has no query.

    `milliseconds` is the time to the end of the answer, of a stream the time to its beginning.
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
    """For clients that are not watched."""
