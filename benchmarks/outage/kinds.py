"""Kinds of Redis outages, which begin and end on command."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.failure import CouldNotMeasure
from benchmarks.peer_environment import ROOT
from benchmarks.redis_server import RedisServer, running


@dataclass(frozen=True, slots=True)
class Outage:
    """A Redis at `url` that becomes unavailable with `begin`, and responds again once `end` has returned."""

    url: str
    begin: Callable[[], object]
    end: Callable[[], object]


@contextmanager
def killed() -> Iterator[Outage]:
    """Yield a Redis that is killed, and started again empty: connections are closed, and new ones are refused."""
    with running(server := RedisServer()):
        yield Outage(server.url, server.kill, server.start)


@contextmanager
def hanging() -> Iterator[Outage]:
    """Yield a Redis that is suspended (SIGSTOP): the kernel accepts connections and data, but nothing responds."""
    with running(server := RedisServer()):
        yield Outage(server.url, server.stop, server.go_on)


@contextmanager
def dropped() -> Iterator[Outage]:
    """Yield a Redis whose packets are dropped: no responses, no connection closes, and no new connections."""
    with running(server := RedisServer()), _relay(server.port) as relay:
        port = int(_line(relay))
        yield Outage(f"redis://127.0.0.1:{port}/0", lambda: _tell(relay, "drop"), lambda: _tell(relay, "pass"))


KINDS: Final[dict[str, Callable[[], AbstractContextManager[Outage]]]] = {
    "killed": killed,
    "hanging": hanging,
    "packets dropped": dropped,
}


@contextmanager
def _relay(port: int) -> Iterator["subprocess.Popen[str]"]:
    """Run the relay to that port, and yield its process."""
    # A separate process, so that it doesn't slow down the load generator.
    command = [sys.executable, "-m", "benchmarks.outage.relay", str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _tell(relay: "subprocess.Popen[str]", word: str) -> None:
    assert relay.stdin is not None
    relay.stdin.write(f"{word}\n")
    relay.stdin.flush()
    _line(relay)


def _line(relay: "subprocess.Popen[str]") -> str:
    assert relay.stdout is not None
    line = relay.stdout.readline()
    if not line:
        raise CouldNotMeasure("The relay in front of Redis ended.")
    return line
