"""Clients that send one request after another until they are told to stop, and what became of each request."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from tests.support.waiting import wait_until

PAUSE_SECONDS = 0.01
"""Between two requests of one connection: steady traffic, and not all that two processors can send."""


@dataclass
class Load:
    """`statuses` counts responses, `lost` says why there was none to a request that was sent, and `refused` counts
    connections that were not made: no request was sent on those.
    """

    port: int
    credential: str
    method: str = "GET"
    path: str = "/v1/check"
    body: bytes | None = None
    statuses: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    refused: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def more(self, responses: int) -> None:
        """Wait until so many more requests have a response."""
        before = self.statuses.total()
        wait_until(lambda: self.statuses.total() >= before + responses or self.lost, "more responses", seconds=60)

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def send(self, *, kept: bool) -> None:
        """Send requests, over one connection while the server keeps it, or over a new one each time."""
        fields = {"X-API-Key": self.credential, "Content-Type": "application/json"}
        fields |= {} if kept else {"Connection": "close"}
        connection = self.connection()
        while not self.ended.is_set():
            if connection.sock is None:
                try:
                    connection.connect()
                except OSError:
                    self.refused += 1
                    self.ended.wait(0.02)
                    continue
            try:
                connection.request(self.method, self.path, body=self.body, headers=fields)
                response = connection.getresponse()
                response.read()
                self.statuses[response.status] += 1
                self.ended.wait(PAUSE_SECONDS)
            except (OSError, HTTPException) as error:
                self.lost.append(repr(error))
                connection.close()
        connection.close()


@contextmanager
def steady(load: Load, *, kept: int = 6, new: int = 6) -> Iterator[Load]:
    """Run the load on so many connections of each kind."""
    threads = [
        threading.Thread(target=load.send, kwargs={"kept": number < kept}, daemon=True) for number in range(kept + new)
    ]
    for thread in threads:
        thread.start()
    try:
        with suppress(RuntimeError):
            load.more(100)
        yield load
    finally:
        load.ended.set()
        for thread in threads:
            thread.join(60)
