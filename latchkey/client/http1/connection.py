"""Connection that blocks the calling thread."""

import contextlib
import socket
import ssl
import time
from typing import Final, Self

from latchkey.client.deadline import Deadline
from latchkey.client.http1.malformed import ConnectionLost
from latchkey.client.http1.readiness import is_readable
from latchkey.client.http1.response_parser import ResponseParser
from latchkey.client.http1.server import Server

_READ_BYTES: Final = 65_536


class Connection:
    """A connection that carries one request at a time."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._idle_since = 0.0

    @classmethod
    def open(cls, server: Server, context: ssl.SSLContext, deadline: Deadline) -> Self:
        """Connect to the first address of the server that accepts. Raises OSError."""
        connected = _connected(server, deadline)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if server.is_encrypted:
                connected.settimeout(deadline.remaining)
                connected = context.wrap_socket(connected, server_hostname=server.host)
        except BaseException:
            connected.close()
            raise
        return cls(connected)

    def exchange(self, message: bytes, parser: ResponseParser, deadline: Deadline) -> None:
        """Send a request, and read its whole response with `parser`.

        Raises OSError, ConnectionLost and what the parser raises. After any of them the connection must be closed.
        """
        connected = self._socket
        connected.settimeout(deadline.remaining)
        # A server that rejects a request early closes its side, and its response can still be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connected.sendall(message)
        while data := connected.recv(_READ_BYTES):
            if parser.feed(data):
                return
            # A read that finds data doesn't time out, so a response that keeps trickling in is cut here.
            if deadline.expired:
                raise TimeoutError
            connected.settimeout(deadline.remaining)
        if not parser.end():
            raise ConnectionLost

    def rest(self) -> None:
        """Note that the connection is idle from now on."""
        self._idle_since = time.monotonic()

    def is_stale(self, keepalive_seconds: float) -> bool:
        """Return whether the connection has been idle for longer, or the server has closed it."""
        return self.has_expired(keepalive_seconds) or is_readable(self._socket.fileno())

    def has_expired(self, keepalive_seconds: float) -> bool:
        """Return whether the connection has been idle for longer."""
        return time.monotonic() - self._idle_since > keepalive_seconds

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _connected(server: Server, deadline: Deadline) -> socket.socket:
    failure: OSError | None = None
    addresses = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        try:
            candidate = socket.socket(family, kind, protocol)
        except OSError as error:  # the kernel lacks the family
            failure = failure or error
            continue
        try:
            # An address that doesn't respond leaves time for those that follow.
            candidate.settimeout(deadline.remaining / (len(addresses) - tried))
            candidate.connect(address)
        except OSError as error:
            candidate.close()
            failure = error
            if deadline.expired:
                break
        except BaseException:
            candidate.close()
            raise
        else:
            return candidate
    raise failure or OSError("The name has no address.")
