"""Connecting to one of several addresses without blocking: a later one is tried if an earlier one takes long.

Source: RFC 8305, section 5. The next address gets its attempt after 250 ms, or when one has failed.
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import Any, Final

from latchkey.client.http1.server import Server

_DELAY_SECONDS: Final = 0.25


async def connected_socket(server: Server) -> socket.socket:
    """Return a socket that is connected to the server. Raises OSError, that of the last address that failed."""
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    attempts: set[asyncio.Task[socket.socket]] = set()
    failure: OSError = OSError("The name has no address.")
    try:
        for index, address in enumerate(addresses):
            attempts.add(asyncio.create_task(_attempt(*address)))
            is_last = index == len(addresses) - 1
            while attempts:
                done, attempts = await asyncio.wait(
                    attempts, timeout=None if is_last else _DELAY_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                connected, failures = _results(done)
                if connected is not None:
                    return connected
                failure = failures[-1] if failures else failure
                if not is_last:
                    break
        raise failure
    finally:
        _cancel(attempts)


async def _attempt(family: int, kind: int, protocol: int, _name: str, address: Any) -> socket.socket:
    candidate = socket.socket(family, kind, protocol)
    try:
        candidate.setblocking(False)
        candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(candidate, address)
    except BaseException:
        candidate.close()
        raise
    return candidate


def _results(done: Iterable[asyncio.Task[socket.socket]]) -> tuple[socket.socket | None, list[OSError]]:
    """Return the first of the connected sockets, and the failures. The other sockets are closed."""
    connected: socket.socket | None = None
    failures: list[OSError] = []
    for attempt in done:
        try:
            found = attempt.result()
        except OSError as error:
            failures.append(error)
            continue
        if connected is None:
            connected = found
        else:
            found.close()
    return connected, failures


def _cancel(attempts: set[asyncio.Task[socket.socket]]) -> None:
    """End the attempts that are no longer needed, and close what they connected in the meantime.

    Nothing is awaited: that would hide the cancellation of the calling task.
    """
    for attempt in attempts:
        attempt.add_done_callback(_close)
        attempt.cancel()


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
