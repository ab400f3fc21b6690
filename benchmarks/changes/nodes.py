"""Two nodes that share PostgreSQL and Redis, and writers that change keys through both."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from benchmarks import paths
from benchmarks.balance import connect
from benchmarks.changes.distance import away
from benchmarks.failure import CouldNotMeasure
from benchmarks.installation import Installation
from benchmarks.load import Load
from benchmarks.redis_server import RedisServer, running

NODES: Final = 2
WORKERS: Final = 2
_SHARE: Final = 12
WRITERS: Final = NODES * WORKERS * _SHARE


class Nodes:
    """The running nodes, and the writers' connections, evenly distributed over the nodes and their workers."""

    def __init__(self, installations: list[Installation], load: Load) -> None:
        self._first = installations[0]
        self._load = load
        body = json.dumps({"label": "benchmark"})
        fields = {"x-api-key": self._first.credential, "content-type": "application/json", "content-length": len(body)}
        lines = [f"POST {paths.KEYS} HTTP/1.1", "host: 127.0.0.1", *(f"{name}: {fields[name]}" for name in fields)]
        self._request = "\r\n".join([*lines, "", body]).encode("ascii")

    def rate(self, changes: int) -> float:
        """Make that many changes; return the rate in changes per second. Raise CouldNotMeasure if one fails."""
        tally = self._load.fire(self._request, changes)
        if tally.statuses[201] != changes:
            raise CouldNotMeasure(f"The changes were answered {dict(tally.statuses)}.")
        return changes / tally.seconds

    def verify(self) -> int:
        """Verify the event log; return its number of events. Raise CouldNotMeasure if the log is broken."""
        found = json.loads(self._first.run("manage.py", "verify_event_log", "--format=json"))
        if not found["holds"]:
            raise CouldNotMeasure(f"The event log is broken: {found}")
        return int(found["events"])


@contextmanager
def nodes(database: str, milliseconds: float) -> Iterator[Nodes]:
    """Run nodes whose database, at that URL, has a round trip of `milliseconds`."""
    with ExitStack() as stack:
        redis = RedisServer()
        stack.enter_context(running(redis))
        settings = {
            "DATABASE_URL": stack.enter_context(_away(database, milliseconds)),
            "SECRET_KEY": token_hex(32),
            "SECRET_PEPPERS": f"p1:{token_hex(32)}",
            # Everything shares the cores here, so a late response of Redis isn't an outage.
            "BUCKET_STORE_TIMEOUT_MS": "5000",
        }
        installations = [_node(stack, redis.url, settings) for _ in range(NODES)]
        loads = [connect(one.port, workers=WORKERS, connections=_SHARE * WORKERS) for one in installations]
        yield Nodes(installations, stack.enter_context(Load([one for load in loads for one in load.connections])))


def _node(stack: ExitStack, store: str, settings: Mapping[str, str]) -> Installation:
    directory = Path(stack.enter_context(TemporaryDirectory(prefix="latchkey-bench-")))
    node = Installation(directory, workers=WORKERS, store=store, settings=settings)
    stack.enter_context(node.serving())
    return node


@contextmanager
def _away(database: str, milliseconds: float) -> Iterator[str]:
    if not milliseconds:
        yield database
        return
    address = urlsplit(database)
    with away(address.port or 5432, milliseconds / 2) as port:
        at = f"{address.username}:{address.password}@" if address.password else f"{address.username}@"
        yield address._replace(netloc=f"{at}127.0.0.1:{port}").geturl()
