"""Redis servers of a test's own, to be killed, stopped and started again; one, with Sentinels, or a Cluster."""

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import randrange

import redis

START_SECONDS = 15.0


def free_port() -> int:
    """A port that is free, as the next one is; below those that the system gives to outgoing connections, which may
    take one at any moment. A Cluster's bus has the port 10000 above.
    """
    while True:
        port = randrange(12_000, 22_000)
        if _is_free(port) and _is_free(port + 1):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class RedisServer:
    """One server that keeps nothing on disk."""

    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    directory: str = field(default_factory=lambda: tempfile.mkdtemp(prefix="latchkey-redis-"))
    sentinel_of: int | None = None
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        """Starts it, empty, and returns when it answers."""
        common = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory]
        if self.sentinel_of is None:
            command = ["redis-server", *common, "--save", "", "--appendonly", "no", *self.arguments]
        else:
            config = Path(self.directory) / "sentinel.conf"
            config.write_text(
                f"sentinel monitor main 127.0.0.1 {self.sentinel_of} 2\n"
                "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
            )
            command = ["redis-server", str(config), "--sentinel", *common]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, f"redis-server on port {self.port}")
        return self

    def answers(self) -> bool:
        """Whether it does, within a moment."""
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        """A client of it."""
        return redis.Redis(port=self.port)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Ends it at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


@contextmanager
def running(*servers: RedisServer) -> Iterator[None]:
    """Starts servers, and ends them behind the test."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.kill()


@contextmanager
def cluster(nodes: int = 3) -> Iterator[str]:
    """A Cluster of masters; its address."""
    servers = [
        RedisServer(("--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{at}.conf")) for at in range(nodes)
    ]
    with running(*servers):
        hosts = [f"127.0.0.1:{server.port}" for server in servers]
        subprocess.run(
            ["redis-cli", "--cluster", "create", *hosts, "--cluster-yes"], check=True, capture_output=True, timeout=60
        )
        for server in servers:
            wait_until(lambda server=server: _knows_all(server, nodes), "the cluster")
        yield f"redis://{','.join(hosts)}?cluster=true"


def _knows_all(server: RedisServer, nodes: int) -> bool:
    with server.client() as client:
        info = client.execute_command("CLUSTER INFO")
    text = info.decode() if isinstance(info, bytes) else str(info)
    return ("cluster_state:ok" in text or "'cluster_state': 'ok'" in text) and str(nodes) in text


def wait_until(holds: "object", what: str, seconds: float = START_SECONDS) -> None:
    """Returns once `holds()` does."""
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up")
        time.sleep(0.02)
