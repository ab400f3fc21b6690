"""Connection limit of a worker: above it, the connections that have waited longest for their client are closed."""

from operator import itemgetter
from typing import Any, Final, Protocol

import structlog

from httpserver.descriptors import own_bounds
from httpserver.summary_log import SummaryLog

_SHARE: Final = 16

log = structlog.get_logger(__name__)


class Waiting(Protocol):
    """A connection that may be waiting for its client."""

    @property
    def waits_since(self) -> float | None:
        """Return since when only its client can act, by the loop's clock, or None if the server is working."""

    def abort(self) -> None:
        """Drop the connection."""


class ConnectionLimit:
    """Limit of `most` connections for this worker.

    A connection costs a client nothing, and the worker a descriptor and memory. A well-behaved client sends its
    request as soon as it is connected, so the connections that wait longest for their client are closed first:
    silent ones, headers and bodies that never end, and clients that don't read. A connection is never closed while
    its request is being processed or its stream is being read.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._closed = SummaryLog(lambda count: log.warning("connections_closed", count=count))

    def keep(self, connections: set[Any]) -> None:
        """Abort and forget some of `connections` if there are more than `most`. The newest one goes last."""
        if len(connections) <= self.most:
            return
        waiting = [(since, one) for one in connections if (since := one.waits_since) is not None]
        # Close a batch of them, because every scan visits all connections.
        oldest = sorted(waiting, key=itemgetter(0))[: max(1, self.most // _SHARE)]
        for _, connection in oldest:
            connections.discard(connection)
            connection.abort()
        self._closed.add(len(oldest))


# Each worker has its own limit, because descriptors and memory are limited per process.
LIMIT: Final = ConnectionLimit(own_bounds().connections)
"""The process's."""
