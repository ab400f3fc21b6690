"""Graceful shutdown: every request that was sent gets its response."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.server.conftest import StartServer
from tests.support.commands import MANAGE
from tests.support.server import RunningServer, issue
from tests.support.steady_load import Load, steady


@pytest.fixture(scope="module")
def installation(start_server: StartServer) -> tuple[RunningServer, str]:
    """A server, and the credential of a key that no load exhausts."""
    server = start_server(workers=2)
    return server, issue(server, "--label", "load", "--scope", "*", "--unlimited")["credential"]


@pytest.fixture
def server(installation: tuple[RunningServer, str]) -> Iterator[RunningServer]:
    """That server, which runs."""
    server, _ = installation
    if server.process is None or server.process.poll() is not None:
        server.start()
    yield server
    server.settings.pop("SHUTDOWN_DELAY_SECONDS", None)


@pytest.fixture
def patient(installation: tuple[RunningServer, str]) -> None:
    """It has been given time for load balancers."""
    server, _ = installation
    server.stop()
    server.settings["SHUTDOWN_DELAY_SECONDS"] = "1"


@pytest.fixture
def credential(installation: tuple[RunningServer, str]) -> str:
    return installation[1]


def test_stop_loses_no_request(server: RunningServer, credential: str) -> None:
    with steady(Load(server.port, credential)) as load:
        assert server.stop() == 0
    assert load.lost == []
    assert set(load.statuses) == {204}


@pytest.mark.slow("restarts a server again and again")
def test_restarts_lose_no_django_request(server: RunningServer, credential: str) -> None:
    with steady(Load(server.port, credential, path="/v1/whoami"), kept=2, new=4) as load:
        for _ in range(3):
            assert server.stop() == 0
            server.start()
            load.more(100)
    assert load.lost == []
    assert set(load.statuses) == {200}


def test_health_turns_unready_first(patient: None, server: RunningServer, credential: str) -> None:
    """For SHUTDOWN_DELAY_SECONDS nothing else changes. Then each response says that it is the last one."""
    assert server.process is not None

    def ask(connection: HTTPConnection, path: str) -> tuple[int, bytes, str | None]:
        connection.request("GET", path, headers={"X-API-Key": credential})
        response = connection.getresponse()
        return response.status, response.read(), response.getheader("Connection")

    with (
        closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as kept,
        closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as new,
    ):
        assert ask(kept, "/health")[0] == 200
        server.process.terminate()
        while (health := ask(kept, "/health"))[0] == 200:
            pass
        assert (health[0], json.loads(health[1]), health[2]) == (503, {"status": "stopping"}, None)
        assert ask(kept, "/v1/check") == (204, b"", None)
        assert ask(new, "/v1/check")[0] == 204
        while (check := ask(kept, "/v1/check"))[2] is None:
            assert check[0] == 204
        assert check == (204, b"", "close")
    assert server.stop() == 0


LIKE_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[2])
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


class Activated(RunningServer):
    """A server that is started with a listening socket, as systemd does it."""

    @property
    def command(self) -> list[str]:
        _, *rest = super().command
        return [sys.executable, "-c", LIKE_SYSTEMD, str(self.descriptors[0]), "1", *rest]


@pytest.mark.slow("restarts a server")
def test_inherited_socket_refuses_no_connection(tmp_path: Path, own_stores: None) -> None:
    """The socket stays open, and connections wait in it for the next process."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:
        server = Activated(tmp_path, workers=2, descriptors=(listening.fileno(),), port=listening.getsockname()[1])
        server.migrate()
        server.start()
        credential = issue(server, "--label", "load", "--unlimited")["credential"]
        with steady(Load(server.port, credential)) as load:
            assert server.stop() == 0
            server.start()
            load.more(100)
        assert server.stop() == 0
    assert (load.lost, load.refused) == ([], 0)
    assert set(load.statuses) == {204}


@pytest.mark.parametrize(("sockets", "kind"), [("2", socket.SOCK_STREAM), ("1", socket.SOCK_DGRAM)])
def test_invalid_inherited_socket_is_an_error(
    tmp_path: Path, own_stores: None, sockets: str, kind: socket.SocketKind
) -> None:
    with socket.socket(type=kind) as given:
        command = [sys.executable, "-c", LIKE_SYSTEMD, str(given.fileno()), sockets, MANAGE, "serve"]
        environment = RunningServer(tmp_path).environment
        done = subprocess.run(
            command, env=environment, pass_fds=[given.fileno()], capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("CommandError: LISTEN_FDS: ")
