"""The configuration of Valkey: a real server takes it, asks for the password, evicts nothing, and forgets nothing where it
is killed."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.deploy.running_prometheus import eventually
from tests.support.commands import ROOT
from tests.support.ports import free_port

pytestmark = pytest.mark.slow("runs several servers")

FILE = ROOT / "deploy" / "valkey" / "valkey.conf"
PASSWORD = "of-a-test"
needs_server = pytest.mark.skipif(
    not (shutil.which("valkey-server") or shutil.which("redis-server")), reason="neither Valkey nor Redis is installed"
)


@contextmanager
def running(directory: Path, port: int) -> Iterator[redis.Redis]:
    """The file as it is, but for the place of the password."""
    (directory / "secret").write_text(f"requirepass {PASSWORD}\n")
    (directory / "valkey.conf").write_text(FILE.read_text().replace("/run/secrets/valkey", str(directory / "secret")))
    program = shutil.which("valkey-server") or "redis-server"
    command = [program, "valkey.conf", "--port", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL) as server:
        try:
            client = redis.Redis(port=port, password=PASSWORD, decode_responses=True)
            eventually(lambda: server.poll() is not None or answers(client), "the server answers")
            assert server.poll() is None
            with client:
                yield client
        finally:
            server.kill()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@needs_server
def test_valkey_needs_password_and_persists(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port) as client:
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        client.config_set("maxmemory", "1mb")
        with pytest.raises(redis.OutOfMemoryError):
            client.set("bucket", "x" * 1_000_000)
            client.set("another", "x")
        client.config_set("maxmemory", "512mb")
        client.set("kept", "by the file of what was written")
    with running(tmp_path, port) as client:
        assert client.get("kept") == "by the file of what was written"
