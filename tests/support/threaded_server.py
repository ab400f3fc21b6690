"""A TCP server on threads, for what a test talks to. asyncio's own leaves a connection open whose handler has not begun
when its event loop ends.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def served(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of 127.0.0.1 on which `handle` gets each connection, within the block. It is closed when that returns."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            handle(self.request)

    with _Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
