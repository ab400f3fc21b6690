"""An address that can never work is told from an outage."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ratelimit.stores.redis import diagnosis
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.diagnosis import permanent_fault
from tests.support.ports import free_port
from tests.support.redis_server import running
from tests.support.redis_servers import certified


@contextmanager
def listening(reply: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on a port that answers each connection with `reply`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    reply(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_outages_may_end() -> None:
    assert permanent_fault(parse_address(f"redis://127.0.0.1:{free_port()}/0")) is None


def test_silence_may_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert permanent_fault(parse_address(f"redis://127.0.0.1:{port}/0")) is None
        assert permanent_fault(parse_address(f"rediss://127.0.0.1:{port}/0")) is None


@pytest.mark.parametrize(
    ("error", "permanent"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)], ids=["unknown", "no answer now"]
)
def test_name(monkeypatch: pytest.MonkeyPatch, error: int, permanent: bool) -> None:
    def unknown(*_: object, **__: object) -> socket.socket:
        raise socket.gaierror(error, "no")

    monkeypatch.setattr("socket.create_connection", unknown)
    found = permanent_fault(parse_address("redis://no-such-host:6379/0"))
    assert found == ("no-such-host is not a known host. Correct the name." if permanent else None)


@pytest.mark.parametrize("response", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_other_servers(response: bytes) -> None:
    def reply(connection: socket.socket) -> None:
        connection.recv(64)
        connection.sendall(response)

    with listening(reply) as port:
        expected = f"127.0.0.1:{port} is not Redis. Correct the port."
        assert permanent_fault(parse_address(f"redis://127.0.0.1:{port}/0")) == expected


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_load_balancer_without_server_may_recover(scheme: str) -> None:
    with listening(lambda _: None) as port:
        assert permanent_fault(parse_address(f"{scheme}://127.0.0.1:{port}/0")) is None


def test_one_host_that_may_come_back_is_enough() -> None:
    with listening(lambda connection: connection.sendall(b"no")) as port:
        hosts = f"127.0.0.1:{port},127.0.0.1:{free_port()}"
        assert permanent_fault(parse_address(f"redis://{hosts}/0?cluster=true")) is None


@pytest.mark.needs("redis")
def test_real_servers(tmp_path: Path) -> None:
    server, ca = certified(tmp_path, "localhost", "--requirepass", "right")
    with running(server):
        plain, tls = server.port, server.port + 1
        assert permanent_fault(parse_address(f"redis://:wrong@localhost:{plain}/0")) is None, "for the server to say"
        assert permanent_fault(parse_address(f"rediss://localhost:{tls}/0?ca={ca}")) is None
        untrusted = permanent_fault(parse_address(f"rediss://localhost:{tls}/0"))
        assert untrusted is not None
        assert f"localhost:{tls} has a certificate that is not trusted: " in untrusted
        other_name = permanent_fault(parse_address(f"rediss://127.0.0.1:{tls}/0?ca={ca}"))
        assert other_name is not None
        assert "not trusted" in other_name
        assert permanent_fault(parse_address(f"redis://localhost:{tls}/0")) == (
            f"localhost:{tls} requires TLS: use rediss://."
        )
        assert permanent_fault(parse_address(f"rediss://localhost:{plain}/0?ca={ca}")) == (
            f"localhost:{plain} does not use TLS. Try redis://."
        )
