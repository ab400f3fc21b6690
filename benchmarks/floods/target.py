"""A server and what is asked of it while it is flooded."""

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
"""The status of a good response, by the path that is asked."""

_DESCRIPTORS: Final = 1024
_CALM_MS: Final = 500.0
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Target:
    """A server on 127.0.0.1: its port, the credential of one of its keys, and the id of its first process."""

    port: int
    credential: str = field(repr=False)
    process: int

    def ask(self, seconds: float) -> dict[str, Responses]:
        """Ask all paths for so long."""
        key = {"x_api_key": self.credential}
        fields = {HEALTH: {}, CHECK: key, WHOAMI: key}
        requests = {path: get_request(path, connection="close", **fields[path]) for path in STATUSES}
        return ask(self.port, requests, seconds)

    def ask_at_rest(self, seconds: float) -> dict[str, Responses]:
        """Ask all paths for so long, again and again until no response is bad or late: a server that still works on an
        earlier flood is no measure for the next. Raises CouldNotMeasure if that does not end.
        """
        for _ in range(_ATTEMPTS):
            responses = self.ask(seconds)
            if all(of_path.share(STATUSES[path], _CALM_MS) == 1 for path, of_path in responses.items()):
                return responses
        raise CouldNotMeasure(f"The server did not come to rest in {_ATTEMPTS * seconds:g} s.")


@contextmanager
def few_descriptors() -> Iterator[None]:
    """Give processes that start within the context the soft limit of descriptors of a plain shell."""
    soft, most = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (_DESCRIPTORS, most))
    try:
        yield
    finally:
        setrlimit(RLIMIT_NOFILE, (soft, most))
