"""A real Latchkey with one worker, and the proxies that the guides configure."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.gateway.proxies.running import nginx_frame, wait_until_it_listens
from tests.support.server import RunningServer

Serve = Callable[[list[str], int, Path], None]


@pytest.fixture(scope="package")
def latchkey(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[RunningServer]:
    settings = {"TRUSTED_PROXIES": "127.0.0.1"}
    server = RunningServer(tmp_path_factory.mktemp("latchkey"), workers=1, settings=settings)
    server.migrate()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a program that listens on a port; it ends with the test."""
    with ExitStack() as running:
        yield lambda command, port, directory: running.enter_context(_serving(command, port, directory))


@contextmanager
def _serving(command: list[str], port: int, directory: Path) -> Iterator[None]:
    log = directory / f"{port}.log"
    environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=output, stderr=output)
    try:
        wait_until_it_listens(process, port, log)
        yield
    finally:
        process.terminate()
        process.wait(20)


def nginx(*configurations: str, directory: Path) -> list[str]:
    """Return the command of an nginx with what `include conf.d/*.conf` would include."""
    return nginx_frame("\n".join(configurations), directory)


def caddy(configuration: str, directory: Path) -> list[str]:
    """Return the command of a Caddy that neither offers its own API nor gets certificates."""
    (directory / "Caddyfile.test").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + configuration)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile.test")]
