"""Stops a listening socket from taking new connections without losing those that it has already taken."""

import ctypes
import socket
import struct
import sys
from contextlib import suppress
from typing import Any, Final

from httpserver import unix_socket

_SO_ATTACH_FILTER: Final = 26
_TCP_FLAGS_AT: Final = 13
_SYN: Final = 0x02
# Classic BPF program, which sees a segment from its TCP header on. Columns: code, jump if true, jump if false, operand.
_PASS_ALL_BUT_SYN: Final = (
    (0x30, 0, 0, _TCP_FLAGS_AT),  # load a byte
    (0x45, 0, 1, _SYN),  # is any of these bits set?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


def drop_new_handshakes(listening: Any) -> None:
    """Make the kernel drop the first segment of new connections to `listening`, for all processes that share it.

    A Unix socket loses its file instead, so new clients find no server, as if it had stopped already.

    Closing a listening socket resets the connections in its queue, together with the requests that clients have
    sent on them. New connections must therefore stop before the queue is emptied. A client whose first segment is
    dropped sends it again after a second and reaches the next process, or is refused. No request is lost, because
    it has not sent one yet. Only Linux supports this, and some containers forbid it. There the function does
    nothing.
    """
    if listening.family == socket.AF_UNIX:
        unix_socket.remove(listening.getsockname())
        return
    if sys.platform != "linux" or listening.family not in (socket.AF_INET, socket.AF_INET6):
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in _PASS_ALL_BUT_SYN))
    pointed_at = struct.pack("HP", len(_PASS_ALL_BUT_SYN), ctypes.addressof(program))
    with suppress(PermissionError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointed_at)
