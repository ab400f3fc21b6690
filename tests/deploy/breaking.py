"""A node that takes a request and breaks off without an answer, as one that is killed at that moment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer


class BreakingNode(ThreadingTCPServer):
    """`asked` has the first line of each request that it took, but for those of OPTIONS."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _BreaksOff)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server_address[1]}"


class _BreaksOff(StreamRequestHandler):
    server: BreakingNode

    def handle(self) -> None:
        first = self.rfile.readline().decode().strip()
        while self.rfile.readline().strip():
            pass
        if first and not first.startswith("OPTIONS"):
            self.server.asked.append(first)


@contextmanager
def breaking_node() -> Iterator[BreakingNode]:
    """One that listens within the block."""
    with BreakingNode() as node:
        threading.Thread(target=node.serve_forever, daemon=True).start()
        yield node
        node.shutdown()
