"""Readiness of a socket that nothing is expected from."""

import select


def is_readable(descriptor: int) -> bool:
    """Return whether the socket has data or has ended. An idle connection with either can't carry a request."""
    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
