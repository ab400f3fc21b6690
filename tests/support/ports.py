"""Free ports for temporary servers."""

import socket
from random import SystemRandom
from typing import Final

FIRST: Final = 12_000
LAST: Final = 22_000
"""Below those that the system gives to outgoing connections, any of which may take one before our server does. The bus
of a Redis Cluster uses the port 10000 above.
"""

_random = SystemRandom()  # two processes that seed alike would choose alike


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free, as is the next one."""
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
