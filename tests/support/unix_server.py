"""A real server for a test that listens on a Unix socket."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import httpx

from tests.support.server import RunningServer


class UnixServer(RunningServer):
    """A server on a socket in a directory of its own, whose path is short enough."""

    directory: Path

    @property
    def path(self) -> Path:
        return self.directory / "latchkey.sock"

    @property
    def command(self) -> list[str]:
        command = super().command
        command[command.index("--bind") + 1] = f"unix:{self.path}"
        return command

    def client(self, **options: object) -> httpx.Client:
        """A client of the socket; its address is that of X-Forwarded-For."""
        transport = httpx.HTTPTransport(uds=str(self.path))
        return httpx.Client(transport=transport, base_url="http://localhost", timeout=10, **options)  # type: ignore[arg-type]

    def _answers(self) -> bool:
        # httpx doesn't close a Unix socket that it can't connect.
        with closing(UnixConnection(self.path)) as connection:
            try:
                connection.request("GET", "/health")
            except OSError:
                return False
            return connection.getresponse().status == 200


@contextmanager
def unix_server(
    data_dir: Path, settings: dict[str, str] | None = None, *, kind: type[UnixServer] = UnixServer, workers: int = 2
) -> Iterator[UnixServer]:
    """A server that can be started; at the end it is stopped."""
    server = kind(data_dir, workers=workers, settings=settings or {})
    server.directory = Path(tempfile.mkdtemp(prefix="socket-", dir="/tmp"))
    server.migrate()
    try:
        yield server
    finally:
        if server.process is not None:
            server.stop()
        shutil.rmtree(server.directory)


class UnixConnection(HTTPConnection):
    """An HTTP connection through a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.close()
            raise
