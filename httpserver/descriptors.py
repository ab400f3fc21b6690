"""Limit on open file descriptors, and the share of it that a worker may use for connections."""

import resource
from typing import Final, NamedTuple

# With fewer descriptors Latchkey does not start.
MIN_DESCRIPTORS: Final = 512
MAX_CONNECTIONS: Final = 6144
_MAX_BACKLOG: Final = 2048
# Reserved for the bucket store, each thread's database connection, files and pipes.
_RESERVED: Final = 256


class WorkerLimits(NamedTuple):
    """Maximum number of connections of a worker, and of connections that may wait in the kernel to be accepted."""

    connections: int
    backlog: int


def worker_limits(descriptors: int) -> WorkerLimits:
    """Return the bounds of a worker that may open `descriptors` descriptors."""
    free = max(descriptors, MIN_DESCRIPTORS) - _RESERVED
    # A worker accepts all waiting connections before it handles any of them, so the whole backlog must fit too.
    backlog = min(_MAX_BACKLOG, free // 5)
    return WorkerLimits(min(MAX_CONNECTIONS, free - backlog), backlog)


def own_limits() -> WorkerLimits:
    """Return the bounds of a worker under this process's soft limit."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return worker_limits(MAX_CONNECTIONS + _MAX_BACKLOG + _RESERVED if soft == resource.RLIM_INFINITY else soft)


def raise_limit() -> int:
    """Raise the soft limit to the hard limit, for this process and its children. Return the new limit.

    Shells often set a soft limit of 1,024, for old programs that call select(2).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return MAX_CONNECTIONS + _MAX_BACKLOG + _RESERVED if hard == resource.RLIM_INFINITY else hard
