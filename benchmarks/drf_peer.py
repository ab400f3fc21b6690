"""The REST framework peer, served as it commonly is: by gunicorn, with threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import servers
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer, running

_APPLICATION: Final = "django.core.wsgi:get_wsgi_application()"
# 100 keys are used in turn: the throttle keeps the time of each request of a key, so one key would measure only that.
_CREATE_KEYS: Final = """
import django
django.setup()
from django.core.management import call_command
from rest_framework_api_key.models import APIKey
call_command("migrate", verbosity=0)
for number in range(100):
    print(APIKey.objects.create_key(name=f"key {number}")[1])
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """The peer's port, and the file of its keys."""

    port: int
    keys: Path


@contextmanager
def drf_peer(*, workers: int, threads: int) -> Iterator[Peer]:
    """Serve the peer, with its own Redis."""
    python, port = servers.peer_python(), free_port()
    options = ["--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--threads", str(threads)]
    options += ["--worker-class", "gthread", "--keep-alive", "75", "--no-control-socket"]
    with TemporaryDirectory(prefix="latchkey-bench-") as made, running(redis := RedisServer()):
        directory = Path(made)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PEER_DATABASE": str(directory / "peer.sqlite3"),
            "PEER_REDIS_URL": redis.url,
            **servers.PEER_SETTINGS,
        }
        keys = directory / "keys"
        keys.write_text(servers.output_of([python, "-c", _CREATE_KEYS], environment), encoding="ascii")
        command = [python, "-m", "gunicorn", *options, _APPLICATION]
        with servers.running(command, environment, directory / "server.log"):
            servers.wait_until_ready(port)
            yield Peer(port, keys)
