"""Comparison server: Django REST framework with API keys and a throttle on Redis, served by threaded gunicorn."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from benchmarks import server
from benchmarks.failure import CouldNotMeasure
from benchmarks.peer_environment import ROOT, peer_python
from benchmarks.ports import free_port

CHECK: Final = "/check"
_KEYS: Final = 100
"""Number of keys, used in turn. With a single key, the throttle's list of its requests would dominate the results."""

_APPLICATION: Final = "django.core.wsgi:get_wsgi_application()"
_WORKERS: Final = 2
_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Peer:
    """The running comparison server: its port, and the file of its keys, one per line."""

    port: int
    keys: Path


@contextmanager
def peer() -> Iterator[Peer | None]:
    """Run the server, and yield it; yield None if there is no Redis at TEST_REDIS_URL or on 127.0.0.1."""
    redis = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    if not _answers(redis):
        yield None
        return
    port = free_port()
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "benchmarks.gateway.peer_settings",
            "PEER_DATABASE": str(Path(directory) / "peer.sqlite3"),
            "PEER_REDIS_URL": redis,
            # The entries aren't deleted from Redis: they expire after the throttle's period.
            "PEER_PREFIX": f"latchkey_bench_{token_hex(6)}",
        }
        keys = Path(directory) / "keys"
        keys.write_text(_keys(environment), encoding="ascii")
        with server.running(_command(port), environment, Path(directory) / "server.log"):
            server.wait_until_answering(port)
            yield Peer(port, keys)


def _command(port: int) -> list[str]:
    options = ["--bind", f"127.0.0.1:{port}", "--workers", str(_WORKERS), "--threads", str(_THREADS)]
    keep = ["--worker-class", "gthread", "--keep-alive", "75", "--no-control-socket"]
    return [str(peer_python()), "-m", "gunicorn", *options, *keep, _APPLICATION]


def _keys(environment: dict[str, str]) -> str:
    command = [str(peer_python()), "-m", "benchmarks.gateway.peer_keys", str(_KEYS)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CouldNotMeasure(f"The peer's keys could not be made: {done.stderr}")
    return done.stdout


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    with suppress(OSError), socket.create_connection((parts.hostname, parts.port or 6379), 3.0):
        return True
    return False
