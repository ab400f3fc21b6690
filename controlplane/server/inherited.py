"""A listening socket that systemd opened and keeps, so that connections wait while the server restarts.

The protocol is that of sd_listen_fds(3), for one socket.
"""

import os
import socket
from contextlib import suppress
from typing import Final

DESCRIPTOR: Final = 3


def inherited_address() -> tuple[str, int] | None:
    """Return the host and port of the socket that this process was started with, or None if there is none.

    Raises ValueError if there are several, or if it is not a listening TCP socket.
    """
    ours = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    sockets = os.environ.pop("LISTEN_FDS", "")
    if not ours:
        return None
    if sockets != "1":
        raise ValueError("name one ListenStream= in the socket unit")
    with suppress(OSError), socket.socket(fileno=os.dup(DESCRIPTOR)) as inherited:
        listens = inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listens and inherited.family in (socket.AF_INET, socket.AF_INET6):
            host, port = inherited.getsockname()[:2]
            return host, port
    raise ValueError("ListenStream= in the socket unit must be ADDRESS:PORT")
