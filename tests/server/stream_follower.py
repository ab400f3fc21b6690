"""Event stream client that collects the events of a running server on its own thread."""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Final, Self

import httpx

from tests.support.server import RunningServer

PATIENCE_SECONDS = 40.0
STREAM = {"Accept": "text/event-stream"}
_ESTABLISHED: Final = "01"  # as /proc/net/tcp writes it


class Follower:
    """Collects events until it is closed. `ended`: the server ended the stream, with its last chunk; `failure`: what ended
    the collecting otherwise.
    """

    def __init__(self, server: RunningServer, credential: str, *, after: str | None = None, query: str = "") -> None:
        resume = {"Last-Event-ID": after} if after is not None else {}
        self._headers = {"X-API-Key": credential}
        self._client = httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS)
        request = self._client.build_request("GET", f"/v1/events{query}", headers={**STREAM, **self._headers, **resume})
        self.response = self._client.send(request, stream=True)
        self.events: list[dict[str, Any]] = []
        self.ended = False
        self.failure: BaseException | None = None
        self._server = server
        self._changed = Condition()
        self._thread = Thread(target=self._collect, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The client's own port."""
        address: tuple[str, int] = self.response.extensions["network_stream"].get_extra_info("client_addr")
        return address[1]

    @property
    def ids(self) -> list[int]:
        return [event["id"] for event in self.events]

    def until(self, reached: Callable[[Self], bool]) -> None:
        """Waits until `reached` says so of it."""
        with self._changed:
            self._changed.wait_for(lambda: reached(self) or self.failure is not None, PATIENCE_SECONDS)
            assert reached(self), self._state()

    def _state(self) -> str:
        """What is known of a stream that did not bring what was waited for: its place, the log's, and what failed."""
        last = httpx.get(f"{self._server.url}/v1/events?after={max(self.ids, default=0)}", headers=self._headers)
        complaints = [line for line in self._server.log.splitlines() if '"warning"' in line or '"error"' in line]
        return (
            f"{len(self.ids)} events up to {self.ids[-1:]}, ended: {self.ended}, failure: {self.failure!r}, "
            f"collecting: {self._thread.is_alive()}, the log's page after it: {last.text[:500]}, "
            f"the server's last complaints: {complaints[-5:]}"
        )

    def close(self) -> None:
        """Leaves without a word."""
        connection: socket.socket = self.response.extensions["network_stream"].get_extra_info("socket")
        with suppress(OSError):  # the server has left already
            connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_SECONDS)
        self._client.close()

    def _collect(self) -> None:
        failure: BaseException | None = None
        try:
            self._take_all()
        except BaseException as error:  # noqa: BLE001 - no other code sees an exception of the thread
            failure = error
        with self._changed:
            self.failure, self.ended = failure, failure is None
            self._changed.notify_all()

    def _take_all(self) -> None:
        fields: dict[str, str] = {}
        for line in self.response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if "data" in fields:
                self._take(fields)
            fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        event = json.loads(fields["data"])
        assert (str(event["id"]), event["type"]) == (fields["id"], fields["event"])
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()


def serving_process(server: RunningServer, client_port: int) -> int:
    """The worker that holds the other end of a client's connection."""
    local, remote = f"0100007F:{server.port:04X}", f"0100007F:{client_port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # An earlier connection with the same ports may not be forgotten yet.
    (inode,) = [row[9] for row in rows if (row[1], row[2], row[3]) == (local, remote, _ESTABLISHED)]
    for pid in server.worker_pids():
        if any(str(path.readlink()) == f"socket:[{inode}]" for path in Path(f"/proc/{pid}/fd").iterdir()):
            return pid
    raise AssertionError("no worker holds it")
