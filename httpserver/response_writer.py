"""Writer of a response: its head waits for the body, so that both usually reach the client in one segment."""

import asyncio


class ResponseWriter:
    """Transport of one response, as far as uvicorn uses it.

    uvicorn writes the head and the body separately, and a client that has read the head waits for the rest once more.
    The first bytes are held until more follow, at most until the end of the event loop iteration.
    """

    __slots__ = ("_flush", "_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None
        self._flush: asyncio.Handle | None = None

    def write(self, data: bytes) -> None:
        """Write `data`, or hold it if it is the first."""
        if self._flush is None:
            self._held = data
            self._flush = self._loop.call_soon(self._write_held)
        elif self._held is None:
            self._transport.write(data)
        else:
            self._flush.cancel()
            held, self._held = self._held, None
            self._transport.write(held + data)

    def close(self) -> None:
        """Write what is held, and close the connection."""
        self._write_held()
        self._transport.close()

    def _write_held(self) -> None:
        held, self._held = self._held, None
        if held is not None and not self._transport.is_closing():
            self._transport.write(held)
