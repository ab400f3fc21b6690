"""The limit on open file descriptors, and what a worker may spend of it on connections."""

import resource
from typing import Final, NamedTuple

LEAST: Final = 512
"""Below this many descriptors Latchkey does not start."""
MOST_CONNECTIONS: Final = 6144
_MOST_BACKLOG: Final = 2048
# For the bucket store, the database of each thread, files and pipes.
_OWN: Final = 256


class Bounds(NamedTuple):
    """How many connections a worker holds, and how many more may wait in the kernel to be accepted."""

    connections: int
    backlog: int


def bounds(descriptors: int) -> Bounds:
    """Return what a worker that may open `descriptors` descriptors can hold.

    A worker accepts all that wait before it looks at any of them, so the whole backlog has to fit in too.
    """
    free = max(descriptors, LEAST) - _OWN
    backlog = min(_MOST_BACKLOG, free // 5)
    return Bounds(min(MOST_CONNECTIONS, free - backlog), backlog)


def own_bounds() -> Bounds:
    """Return the bounds of a worker under the limit of this process."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return bounds(MOST_CONNECTIONS + _MOST_BACKLOG + _OWN if soft == resource.RLIM_INFINITY else soft)


def raise_limit() -> int:
    """Raise the soft limit of this process to the hard one, for itself and for those that it starts.

    Return how many descriptors each may open now. A shell's soft limit is often 1,024, for the sake of old programs
    that call select(2).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return MOST_CONNECTIONS + _MOST_BACKLOG + _OWN if hard == resource.RLIM_INFINITY else hard
