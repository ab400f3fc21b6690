"""A worker's last seconds: every request that was sent to it gets its response, and then it stops."""

import asyncio
from collections.abc import Sequence
from socket import socket
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import Server, ServerState

from controlplane.server.departure import Departure
from controlplane.server.handshakes import drop_new_handshakes
from health import stopping

CLOSING_SECONDS: Final = 2.0
_HANDSHAKE_SECONDS: Final = 0.05
_TICK_SECONDS: Final = 0.05


class DrainingState(ServerState):
    """What connections share. `draining`: the next response on each connection is its last one."""

    connections: set[Any]

    def __init__(self) -> None:
        super().__init__()
        self.draining = False


class DrainingServer(Server):
    """Serves until SIGTERM, and then goes in four steps:

    1. `/health` returns 503. For `delay_seconds` nothing else changes, so that load balancers can react.
    2. Every response says `Connection: close`, and event streams end. This takes CLOSING_SECONDS at most, and ends
       early if no worker has a connection left. New connections are still accepted.
    3. No new handshakes are answered. What the kernel has accepted is accepted here as well. If somebody else
       `keeps_listening`, as systemd does for a socket unit, new connections wait there for the next process instead.
    4. It stops listening, and idle connections are closed. Requests in progress are completed, as uvicorn does.
    """

    def __init__(self, config: Config, departure: Departure, delay_seconds: float, *, keeps_listening: bool) -> None:
        super().__init__(config)
        self.server_state: DrainingState = DrainingState()
        self._departure = departure
        self._delay_seconds = delay_seconds
        self._keeps_listening = keeps_listening
        self._sockets: Sequence[Any] = ()

    async def serve(self, sockets: list[socket] | None = None) -> None:
        self._sockets = sockets or ()
        await super().serve(sockets)

    async def main_loop(self) -> None:
        await super().main_loop()
        stopping.note()
        await self._tick_for(self._delay_seconds)
        self.server_state.draining = True
        for connection in list(self.server_state.connections):
            connection.drain()
        await self._until_all_are_ready()
        if not self._keeps_listening:
            for listening in self._sockets:
                drop_new_handshakes(listening)
            await self._tick_for(_HANDSHAKE_SECONDS)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        # The event loop reports a connection that it has just accepted one iteration later.
        await asyncio.sleep(0)
        await super().shutdown(sockets)

    async def _until_all_are_ready(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + CLOSING_SECONDS
        while loop.time() < until:
            if not self.server_state.connections:
                self._departure.be_ready()
            if self._departure.all_are_ready():
                return
            await self._tick()

    async def _tick_for(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            await self._tick()

    async def _tick(self) -> None:
        """Wait, and do what uvicorn does every second: renew the Date of responses, and renew gunicorn's heartbeat."""
        await self.on_tick(0)
        await asyncio.sleep(_TICK_SECONDS)
