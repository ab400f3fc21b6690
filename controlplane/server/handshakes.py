"""How a listening socket takes no more connections, and loses none of those that it has taken."""

import ctypes
import socket
import struct
import sys
from contextlib import suppress
from typing import Any, Final

_SO_ATTACH_FILTER: Final = 26
_TCP_FLAGS_AT: Final = 13
_SYN: Final = 0x02
# Classic BPF, which sees a segment from its TCP header on: code, jump if true, jump if false, operand.
_PASS_ALL_BUT_SYN: Final = (
    (0x30, 0, 0, _TCP_FLAGS_AT),  # load a byte
    (0x45, 0, 1, _SYN),  # is any of these bits set?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


def drop_new_handshakes(listening: Any) -> None:
    """Let the kernel drop the first segment of every new connection to `listening`, for all processes that share it.

    Closing a listening socket resets the connections that are in its queue, with the requests that clients have sent on
    them. So new ones must end before the queue is emptied. A client whose first segment was dropped repeats it after a
    second, and then reaches the next process, or is refused; it has sent no request. Only Linux can do that, and some
    containers may not: there this does nothing.
    """
    if sys.platform != "linux" or listening.family not in (socket.AF_INET, socket.AF_INET6):
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in _PASS_ALL_BUT_SYN))
    pointed_at = struct.pack("HP", len(_PASS_ALL_BUT_SYN), ctypes.addressof(program))
    with suppress(PermissionError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointed_at)
