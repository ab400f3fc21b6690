"""The bytes that are held for slow clients: a bound on all of a worker's together."""

import socket
from typing import Any, Final, Protocol

import structlog

from controlplane.server.summary_log import SummaryLog

MAX_HELD_BYTES: Final = 32 << 20
# A connection whose client has not read more than this is told to wait.
HIGH_WATER_BYTES: Final = 8192
# What the kernel takes of a connection's bytes without having sent them; it would take 2.5 MB.
KERNEL_BYTES: Final = 65_536
_TCP_NOTSENT_LOWAT: Final = 25

log = structlog.get_logger(__name__)


class Client(Protocol):
    """A connection."""

    def abort(self) -> None:
        """Drop it, with what is held for it."""


class HeldBytes:
    """What this process and the kernel hold for slow clients, `most` bytes together.

    Beyond that, the connection whose client has done nothing for longest is dropped.
    """

    def __init__(self, most: int = MAX_HELD_BYTES) -> None:
        self._most = most
        self._bytes: dict[Client, int] = {}  # the one that has waited longest first
        self._dropped = SummaryLog(lambda count: log.warning("slow_clients_dropped", count=count))
        self.total = 0

    def note(self, client: Client, size: int) -> None:
        """Note that `size` bytes are held for `client`, which did something now. Drop others if that is too much."""
        self.forget(client)
        self._bytes[client] = size + KERNEL_BYTES
        self.total += size + KERNEL_BYTES
        while self.total > self._most and len(self._bytes) > 1:
            slowest = next(iter(self._bytes))
            self.forget(slowest)
            slowest.abort()
            self._dropped.add(1)

    def forget(self, client: Client) -> None:
        """Note that nothing is held for `client`."""
        self.total -= self._bytes.pop(client, 0)


UNSENT: Final = HeldBytes()
"""The process's answers that are not read."""
BODIES: Final = HeldBytes()
"""The process's bodies that are not complete."""


def bound_kernel(listener: Any) -> None:
    """Let the kernel take no more than about KERNEL_BYTES for each connection that `listener`, a socket, accepts."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, KERNEL_BYTES)
