"""Listening socket that systemd opened and keeps open, so that connections wait while the server restarts.

Implements the protocol of sd_listen_fds(3) for a single socket.
"""

import os
import socket
from contextlib import suppress
from typing import Final

DESCRIPTOR: Final = 3


def inherited_address() -> tuple[str, int] | str | None:
    """Return the host and port, or the path, of the inherited socket, or None if there is none.

    Raise ValueError if there are several sockets, or if it is neither a listening TCP nor a listening Unix socket.
    """
    # Remove the variables, so that no child process uses the descriptor too.
    ours = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    sockets = os.environ.pop("LISTEN_FDS", "")
    if not ours:
        return None
    if sockets != "1":
        raise ValueError("set exactly one ListenStream= in the socket unit")
    # Duplicate the descriptor: closing this socket object must not close the one that gunicorn will use.
    with suppress(OSError), socket.socket(fileno=os.dup(DESCRIPTOR)) as inherited:
        listens = inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listens and inherited.family in (socket.AF_INET, socket.AF_INET6):
            host, port = inherited.getsockname()[:2]
            return host, port
        # A name without a file (an abstract one) is bytes.
        if listens and inherited.family == socket.AF_UNIX and isinstance(name := inherited.getsockname(), str):
            return name
    raise ValueError("ListenStream= in the socket unit must be ADDRESS:PORT or /PATH")
