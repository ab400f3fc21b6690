"""A server under a flood, and the requests of clients that do not attack it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from typing import Final

from tests.support.open_loop import Responses, send_for
from tests.support.raw_http import get_request

HEALTH: Final = "/health"
CHECK: Final = "/v1/check"
WHOAMI: Final = "/v1/whoami"
STATUSES: Final = {HEALTH: 200, CHECK: 204, WHOAMI: 200}
"""The status of a good response, by path."""

PER_SECOND: Final = 25
"""Requests a second to each path."""

_DESCRIPTORS: Final = 1024
_CALM_MS: Final = 500.0
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Target:
    """A server on 127.0.0.1: its port, the credential of one of its keys, and the id of its first process."""

    port: int
    credential: str = field(repr=False)
    process: int

    def call(self, seconds: float) -> dict[str, Responses]:
        """Call all paths for so long; return the responses by path."""
        key = {"x_api_key": self.credential}
        fields = {HEALTH: {}, CHECK: key, WHOAMI: key}
        requests = {path: get_request(path, connection="close", **fields[path]) for path in STATUSES}
        return send_for(seconds, self.port, requests, PER_SECOND)

    def call_idle(self, seconds: float) -> dict[str, Responses]:
        """Call all paths for so long, until no response is bad or late: a server that still works on an earlier flood is
        no baseline for the next. Raises RuntimeError if that does not end.
        """
        for _ in range(_ATTEMPTS):
            responses = self.call(seconds)
            if all(of_path.share(STATUSES[path], _CALM_MS) == 1 for path, of_path in responses.items()):
                return responses
        raise RuntimeError(f"The server was not idle within {_ATTEMPTS * seconds:g} s.")


@contextmanager
def few_descriptors() -> Iterator[None]:
    """Give processes that start within the context the soft limit of descriptors of a plain shell."""
    soft, most = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (_DESCRIPTORS, most))
    try:
        yield
    finally:
        setrlimit(RLIMIT_NOFILE, (soft, most))
