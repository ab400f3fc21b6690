"""A server whose answer comes byte by byte, so that no single wait is long."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
PAUSE_SECONDS = 0.02


@contextmanager
def dripping() -> Iterator[str]:
    """The server's address. It takes one call."""
    ended: list[bool] = []

    def drip() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(HEAD)
                while not ended:
                    connection.sendall(b" ")
                    time.sleep(PAUSE_SECONDS)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=drip, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.append(True)
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)
