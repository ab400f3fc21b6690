"""Limit on open file descriptors, and the share of it that a worker may use for connections."""

import resource
from typing import Final, NamedTuple

LEAST: Final = 512
"""Below this many descriptors Latchkey does not start."""
MOST_CONNECTIONS: Final = 6144
_MOST_BACKLOG: Final = 2048
# Reserved for the bucket store, each thread's database connection, files and pipes.
_OWN: Final = 256


class Bounds(NamedTuple):
    """Maximum number of connections of a worker, and of connections that may wait in the kernel to be accepted."""

    connections: int
    backlog: int


def bounds(descriptors: int) -> Bounds:
    """Return the bounds of a worker that may open `descriptors` descriptors."""
    free = max(descriptors, LEAST) - _OWN
    # A worker accepts all waiting connections before it handles any of them, so the whole backlog must fit too.
    backlog = min(_MOST_BACKLOG, free // 5)
    return Bounds(min(MOST_CONNECTIONS, free - backlog), backlog)


def own_bounds() -> Bounds:
    """Return the bounds of a worker under this process's soft limit."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return bounds(MOST_CONNECTIONS + _MOST_BACKLOG + _OWN if soft == resource.RLIM_INFINITY else soft)


def raise_limit() -> int:
    """Raise the soft limit to the hard limit, for this process and its children. Return the new limit.

    Shells often set a soft limit of 1,024, for old programs that call select(2).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return MOST_CONNECTIONS + _MOST_BACKLOG + _OWN if hard == resource.RLIM_INFINITY else hard
