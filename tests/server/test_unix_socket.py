"""A server on a Unix socket: who may connect, whose address counts, and what a start and a stop do to the file."""

import grp
import json
import os
import re
import socket
import stat
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from health.self_check import main as self_check
from latchkey.credentials import generate_key_id, generate_secret
from tests.server.test_stop import LIKE_SYSTEMD
from tests.support import commands
from tests.support.commands import MANAGE
from tests.support.server import issue
from tests.support.steady_load import Load, steady
from tests.support.unix_server import UnixConnection, UnixServer, unix_server
from tests.support.waiting import wait_until

GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[UnixServer]:
    data_dir = tmp_path_factory.mktemp("unix")
    settings = {
        "AUTH_FAILURE_LIMIT": '{"burst": 2, "per_seconds": 3600}',
        "SOCKET_MODE": "0640",
        "SOCKET_GROUP": GROUP,
        "HEALTH_CHECK_FILE": str(data_dir / "check/file"),
    }
    with unix_server(data_dir, settings) as server:
        yield server


@pytest.fixture
def server(installation: UnixServer) -> UnixServer:
    """That server, which runs."""
    if installation.process is None or installation.process.poll() is not None:
        installation.start()
    return installation


def wrong() -> str:
    return f"{generate_key_id()}:{generate_secret()}"


def test_mode_and_group(server: UnixServer) -> None:
    found = server.path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o640, os.getgid())
    wait_until(lambda: f"Latchkey serves on unix:{server.path} with 2 workers." in server.log, "the line of the start")


def test_failures_are_charged_to_the_client_that_the_proxy_names(server: UnixServer) -> None:
    with server.client() as client:

        def ask(address: str, path: str = "/v1/check") -> int:
            headers = {"X-API-Key": wrong(), "X-Forwarded-For": address}
            return client.get(path, headers=headers).status_code

        assert [ask("198.51.100.1") for _ in range(3)] == [401, 401, 429]
        assert ask("198.51.100.2") == 401
        # Django reads the same address.
        assert ask("198.51.100.1", "/v1/whoami") == 429
        assert ask("198.51.100.2", "/v1/whoami") == 401
        # What the client itself wrote, left of the address that its proxy added, has no effect.
        assert ask("203.0.113.9, 198.51.100.1") == 429


def test_pages_and_requests_without_host(server: UnixServer) -> None:
    with server.client() as client:
        assert client.get("/admin/login/").status_code == 200
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(10)
        raw.connect(str(server.path))
        raw.sendall(b"GET /v1/whoami HTTP/1.0\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 401 ")


def test_health_check(server: UnixServer) -> None:
    file = server.settings["HEALTH_CHECK_FILE"]
    assert json.loads(Path(file).read_text())["socket"] == str(server.path)
    assert self_check([file]) == 0
    assert server.stop() == 0
    assert self_check([file]) == 1


@pytest.mark.slow("restarts a server under load")
def test_restart_loses_no_request(server: UnixServer) -> None:
    class UnixLoad(Load):
        def connection(self) -> HTTPConnection:
            return UnixConnection(server.path)

    credential = issue(server, "--label", "load", "--unlimited")["credential"]
    with steady(UnixLoad(0, credential)) as load:
        for _ in range(3):
            assert server.stop() == 0
            assert not server.path.exists()
            server.start()
            load.more(100)
    assert load.lost == []
    assert set(load.statuses) == {204}


def test_start_replaces_leftover(server: UnixServer) -> None:
    """A server that was killed leaves its file."""
    assert server.stop() == 0
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(server.path))
    server.start()
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o640


def refused(server: UnixServer, path: str, **settings: str) -> str:
    """What a start on this path says in its only line."""
    environment = {**server.environment, **settings}
    done = commands.run([MANAGE, "serve", "--bind", path], environment)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    return re.sub(r"^CommandError: ", "", line)


def test_errors_at_start(server: UnixServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    long = "/tmp/" + "a" * 110
    for path, reason in (
        (f"{server.path}", "a server listens there"),
        (f"{tmp_path}/file", "it is a file, not a socket"),
        (f"{tmp_path}/no/s", f"{tmp_path}/no is not a directory"),
        (long, "the path is longer than 107 bytes"),
    ):
        expected = f"--bind: unix:{path} cannot be used: {reason}. Set another with --bind."
        assert refused(server, f"unix:{path}") == expected
    form = "--bind: must be HOST:PORT, such as 127.0.0.1:8000, or unix:/PATH."
    assert refused(server, "unix:relative") == form
    assert refused(server, "unix:") == form
    no_group = refused(server, f"unix:{server.path}2", SOCKET_GROUP="no-such-group")
    assert no_group == "SOCKET_GROUP: this host has no group no-such-group."
    assert server._answers(), "it was not disturbed"


def test_first_start_prints_a_line_for_the_socket(tmp_path: Path, own_stores: None) -> None:
    with unix_server(tmp_path, workers=1) as server:
        server.arguments = ("--first-start",)
        server.start()
        [line] = re.findall(r"^ *curl (.*)$", server.log, flags=re.MULTILINE)
        assert line.endswith(f"--unix-socket {server.path} http://localhost:{server.port}/v1/whoami")


class Activated(UnixServer):
    """A server that is started with a listening Unix socket, as systemd does it."""

    @property
    def command(self) -> list[str]:
        _, *rest = super().command
        return [sys.executable, "-c", LIKE_SYSTEMD, str(self.descriptors[0]), "1", *rest]


@pytest.mark.slow("restarts a server")
def test_socket_of_systemd_stays(tmp_path: Path, own_stores: None) -> None:
    """The server keeps the file, and a connection waits there for the next process."""
    with unix_server(tmp_path, kind=Activated, workers=1) as server, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(server.path))
        listening.listen(10)
        server.descriptors = (listening.fileno(),)
        server.start()
        wait_until(lambda: f"Latchkey serves on unix:{server.path}" in server.log, "the line of the start")
        assert server.stop() == 0
        assert server.path.exists()
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.settimeout(30)
            waiting.connect(str(server.path))
            waiting.sendall(b"GET /v1/whoami HTTP/1.0\r\n\r\n")
            server.start()
            assert waiting.recv(100).startswith(b"HTTP/1.1 401 ")
