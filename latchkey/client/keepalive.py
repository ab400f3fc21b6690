"""How long a client keeps idle connections, and how many connections it has."""

from typing import Final

import httpx

# Latchkey closes a connection that is idle for 75 seconds. The client has to be the first to close it: otherwise a
# call could be sent at the moment in which the server closes.
KEEPALIVE_SECONDS: Final = 30.0


def connection_limits(max_connections: int) -> httpx.Limits:
    """Return the bounds of a connection pool of httpx."""
    return httpx.Limits(
        max_connections=max_connections,
        max_keepalive_connections=max_connections,
        keepalive_expiry=KEEPALIVE_SECONDS,
    )
