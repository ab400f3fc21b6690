"""Several servers that share one PostgreSQL and one Redis of the test's own, each with a data directory of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.postgresql import drop_database, new_database
from tests.support.redis_server import RedisServer, running
from tests.support.server import RunningServer, issue


@dataclass
class Nodes:
    """The servers, what they share, and the credential of a key that may do everything."""

    redis: RedisServer
    servers: list[RunningServer] = field(default_factory=list)
    root: str = ""

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    def issue(self, burst: int, per_seconds: int, *more: str) -> dict[str, Any]:
        """A key under a limit."""
        limit = ("--burst", str(burst), "--per-seconds", str(per_seconds))
        return issue(self.servers[0], "--label", "node", *limit, *more)


StartNodes = Callable[..., Nodes]


@pytest.fixture(scope="module")
def start_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNodes]:
    """Starts nodes that are stopped when the module's tests are done. `redis_url` is where they find Redis, if not at
    its own address.
    """
    with ExitStack() as stack:

        def start(
            count: int = 2, *, redis_url: str | None = None, redis: RedisServer | None = None, **settings: str
        ) -> Nodes:
            nodes = Nodes(redis or RedisServer())
            if redis is None:
                stack.enter_context(running(nodes.redis))
            database = new_database()
            stack.callback(drop_database, database)
            shared = {
                "DATABASE_URL": database,
                "BUCKET_STORE_URL": redis_url or nodes.redis.url,
                "AUTH_FAILURE_LIMIT": '{"burst": 100000, "per_seconds": 1}',
                **settings,
            }
            for _ in range(count):
                _start(nodes, tmp_path_factory.mktemp("node"), shared, stack)
            nodes.root = nodes.issue(1_000_000, 1, "--scope", "*")["credential"]
            return nodes

        yield start


def _start(nodes: Nodes, data_dir: Path, settings: dict[str, str], stack: ExitStack) -> None:
    server = RunningServer(data_dir, workers=2, settings=settings)
    if not nodes.servers:
        server.manage("migrate", "--verbosity", "0")
    server.start()
    stack.callback(server.stop)
    nodes.servers.append(server)
