"""Target of a flood: a server, and the requests that measure it during the flood."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from typing import Final

from benchmarks import paths
from benchmarks.failure import CouldNotMeasure
from benchmarks.floods.probe import Responses, ask
from benchmarks.load import get_request

HEALTH: Final = "/health"
CHECK: Final = "/v1/check"
WHOAMI: Final = paths.PROTECTED
STATUSES: Final = {HEALTH: 200, CHECK: 204, WHOAMI: 200}
"""Status of a good response, by path."""

_DESCRIPTORS: Final = 1024
_CALM_MS: Final = 500.0
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Target:
    """A server on 127.0.0.1: its port, the credential of one of its keys, and the ID of its main process."""

    port: int
    credential: str = field(repr=False)
    process: int

    def ask(self, seconds: float) -> dict[str, Responses]:
        """Send requests to all paths for `seconds`; return the responses by path."""
        key = {"x_api_key": self.credential}
        fields = {HEALTH: {}, CHECK: key, WHOAMI: key}
        requests = {path: get_request(path, connection="close", **fields[path]) for path in STATUSES}
        return ask(self.port, requests, seconds)

    def ask_at_rest(self, seconds: float) -> dict[str, Responses]:
        """Repeat `ask` until no response is bad or late, and return those responses.

        Raise CouldNotMeasure after 20 attempts.
        """
        # A server that still works on an earlier flood isn't at rest.
        for _ in range(_ATTEMPTS):
            responses = self.ask(seconds)
            if all(of_path.share(STATUSES[path], _CALM_MS) == 1 for path, of_path in responses.items()):
                return responses
        raise CouldNotMeasure(f"The server did not come to rest in {_ATTEMPTS * seconds:g} s.")


@contextmanager
def few_descriptors() -> Iterator[None]:
    """Give processes that start within the context the soft descriptor limit of a plain shell, 1024."""
    soft, most = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (_DESCRIPTORS, most))
    try:
        yield
    finally:
        setrlimit(RLIMIT_NOFILE, (soft, most))
