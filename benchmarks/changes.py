"""How many changes per second two nodes make together, with their database next to them and 2 ms away."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from benchmarks.databases import postgresql
from benchmarks.installation import Installation
from benchmarks.load import Load, connect
from benchmarks.measurement import CouldNotMeasure, Section, series_of
from tests.support.raw_http import post_request
from tests.support.redis_server import RedisServer, running
from tests.support.relay import relay_process

DISTANCES: Final = {"next to it": 0.0, "2 ms away": 0.002}
"""The round trip to the database, in seconds."""

_NODES: Final = 2
_WORKERS: Final = 2
_SHARE: Final = 12
WRITERS: Final = _NODES * _WORKERS * _SHARE


@dataclass(frozen=True, slots=True)
class Nodes:
    """One of the nodes, and a connection of each writer to one of their workers, in turn."""

    first: Installation
    load: Load

    def rate(self, changes: int) -> float:
        """Make so many changes; return how many per second that is."""
        body, json_type = json.dumps({"label": "benchmark"}), "application/json"
        request = post_request("/v1/keys", body, x_api_key=self.first.credential, content_type=json_type)
        return changes / self.load.send_all(request, changes, status=201).seconds


def sections(*, quick: bool) -> list[Section]:
    """Measure all distances in turn, in each round, and verify the event logs at the end."""
    rounds, changes = (2, 200) if quick else (7, 1000)
    rates: dict[str, list[float]] = {name: [] for name in DISTANCES}
    with ExitStack() as stack:
        served = {}
        for name, seconds in DISTANCES.items():
            url = stack.enter_context(postgresql())
            if url is None:
                return []
            served[name] = stack.enter_context(_nodes(url, seconds))
            served[name].rate(WRITERS)  # imports, caches, the first database connections
        for _ in range(rounds):
            for name, nodes in served.items():
                rates[name].append(nodes.rate(changes))
        for nodes in served.values():
            verified = json.loads(nodes.first.run("manage.py", "verify_event_log", "--format=json"))
            if not verified["holds"]:
                raise CouldNotMeasure(f"The event log is broken: {verified}")
    title = f"Keys issued by {WRITERS} writers through {_NODES} nodes of {_WORKERS} workers, PostgreSQL"
    return [Section("changes", title, "changes/s", next(iter(DISTANCES)), series_of(rates))]


@contextmanager
def _nodes(database: str, round_trip: float) -> Iterator[Nodes]:
    """Serve nodes whose database, at that URL, is a round trip of so many seconds away."""
    with ExitStack() as stack:
        redis = RedisServer()
        stack.enter_context(running(redis))
        if round_trip:
            address = urlsplit(database)
            port, _ = stack.enter_context(relay_process(address.port or 5432, delay=round_trip / 2))
            user = address.netloc.rpartition("@")[0]
            database = address._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
        settings = {
            "DATABASE_URL": database,
            "BUCKET_STORE_URL": redis.url,
            "BUCKET_STORE_TIMEOUT_MS": "5000",
            "SECRET_KEY": token_hex(32),
            "SECRET_PEPPERS": f"p1:{token_hex(32)}",
        }
        nodes, connections = list[Installation](), list[socket.socket]()
        for _ in range(_NODES):
            directory = Path(stack.enter_context(TemporaryDirectory(prefix="latchkey-bench-")))
            nodes.append(Installation(directory, workers=_WORKERS, settings=settings))
            stack.enter_context(nodes[-1].serving())
            load = stack.enter_context(connect(nodes[-1].port, workers=_WORKERS, connections=_SHARE * _WORKERS))
            connections += load.connections
        yield Nodes(nodes[0], Load(connections))
