"""Free ports for the benchmarks' servers."""

import socket
from random import SystemRandom
from typing import Final

FIRST: Final = 12_000
LAST: Final = 22_000
"""Upper end of the range. Outgoing connections get higher ports and could take one before the server does.

The range leaves room for the bus of a Redis Cluster, whose port is 10000 higher.
"""

# The system's generator, because two processes with the same seed would choose the same ports.
_random = SystemRandom()


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free, like the port after it."""
    while True:
        port = _random.randrange(FIRST, LAST)
        if _is_free(port) and _is_free(port + 1):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
