"""The limit on a worker's connections: beyond it, those that have waited longest for their client are closed."""

from operator import itemgetter
from typing import Any, Final, Protocol

import structlog

from controlplane.server.descriptors import own_bounds
from controlplane.server.summary_log import SummaryLog

_SHARE: Final = 16

log = structlog.get_logger(__name__)


class Waiting(Protocol):
    """A connection."""

    @property
    def waits_since(self) -> float | None:
        """Since when nothing happens on it but what its client is to do, by the loop's clock; None if it works."""

    def abort(self) -> None:
        """Drop it."""


class ConnectionLimit:
    """Keeps a worker at `most` connections.

    A connection costs a client nothing, and the worker a descriptor and memory. A request is sent as soon as its
    connection is there, so what waits longest for its client is worth least: silent connections, headers and bodies
    that never end, and readers that do not read. What is being worked on, and open streams, are never closed.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._closed = SummaryLog(lambda count: log.warning("connections_closed", count=count))

    def keep(self, connections: set[Any]) -> None:
        """Close and forget some of `connections` if there are too many; the newest is the last to go."""
        if len(connections) <= self.most:
            return
        waiting = [(since, one) for one in connections if (since := one.waits_since) is not None]
        # Some at a time, since each look goes over all of them.
        oldest = sorted(waiting, key=itemgetter(0))[: max(1, self.most // _SHARE)]
        for _, connection in oldest:
            connections.discard(connection)
            connection.abort()
        self._closed.add(len(oldest))


LIMIT: Final = ConnectionLimit(own_bounds().connections)
"""The process's."""
