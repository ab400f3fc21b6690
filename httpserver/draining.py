"""Graceful shutdown of a worker: every request sent to it gets its response, then it stops."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from socket import socket
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import Server, ServerState

from httpserver import stopping
from httpserver.listening_socket import drop_new_handshakes
from httpserver.shutdown_barrier import ShutdownBarrier

DRAINING_SECONDS: Final = 2.0
_HANDSHAKE_SECONDS: Final = 0.05
_TICK_SECONDS: Final = 0.05


class DrainingState(ServerState):
    """State shared by all connections. If `draining` is set, the next response on each connection is its last one."""

    connections: set[Any]

    def __init__(self) -> None:
        super().__init__()
        self.draining = False


class DrainingServer(Server):
    """Server that runs until SIGTERM and then shuts down in four steps:

    1. `/health` returns 503. For `delay_seconds` nothing else changes, so that load balancers can react.
    2. Every response says `Connection: close`, and event streams end. This takes CLOSING_SECONDS at most, and ends
       early if no worker has a connection left. New connections are still accepted.
    3. New TCP handshakes are dropped, and the connections that the kernel has completed are accepted. If another
       process holds the listening socket (`keeps_listening`, for example a systemd socket unit), this step is
       skipped: new connections wait there for the next process.
    4. The server stops listening and closes idle connections. As in uvicorn, requests in progress are completed.

    At the end it awaits `on_stopped`. uvicorn then raises SIGTERM again, which ends the process.
    """

    def __init__(
        self,
        config: Config,
        barrier: ShutdownBarrier,
        delay_seconds: float,
        *,
        keeps_listening: bool,
        on_stopped: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self.server_state: DrainingState = DrainingState()
        self._barrier = barrier
        self._delay_seconds = delay_seconds
        self._keeps_listening = keeps_listening
        self._on_stopped = on_stopped
        self._sockets: Sequence[Any] = ()

    async def serve(self, sockets: list[socket] | None = None) -> None:
        self._sockets = sockets or ()
        await super().serve(sockets)

    async def main_loop(self) -> None:
        await super().main_loop()
        stopping.mark_stopping()
        await self._tick_for(self._delay_seconds)
        self.server_state.draining = True
        for connection in list(self.server_state.connections):
            connection.drain()
        await self._wait_until_all_ready()
        if not self._keeps_listening:
            # Closing a listening socket resets the connections in its queue. Stop new ones first, then empty the queue.
            for listening in self._sockets:
                drop_new_handshakes(listening)
            await self._tick_for(_HANDSHAKE_SECONDS)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        # The event loop reports an accepted connection one iteration later, and only then can shutdown() wait for it.
        await asyncio.sleep(0)
        await super().shutdown(sockets)
        await self._on_stopped()

    async def _wait_until_all_ready(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAINING_SECONDS
        while loop.time() < until:
            if not self.server_state.connections:
                self._barrier.mark_ready()
            if self._barrier.all_ready():
                return
            await self._tick()

    async def _tick_for(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            await self._tick()

    async def _tick(self) -> None:
        """Wait one tick, and do what uvicorn does every second: refresh the Date field and gunicorn's heartbeat."""
        await self.on_tick(0)
        await asyncio.sleep(_TICK_SECONDS)
