"""A receiver of webhooks: a real HTTP server that remembers what it was sent and answers as it is told."""

import json
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Answer = Callable[[BaseHTTPRequestHandler], object]
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class ReceivedDelivery:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(self.body))


def status(code: int, **headers: str) -> Answer:
    """An answer without a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def body(code: int, text: bytes) -> Answer:
    """An answer with a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    return answer


def echo(handler: BaseHTTPRequestHandler) -> None:
    """An answer with all header fields of the request, as some receivers answer when they are debugged."""
    body(500, str(handler.headers).encode())(handler)


def after(action: Callable[[], object], answer: Answer) -> Answer:
    """`answer`, once `action` was done."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        action()
        answer(handler)

    return act


@dataclass
class Receiver:
    """HTTP server that returns each of `responses` once, then always 204. `deliveries` has the requests in order."""

    port: int
    scheme: str = "http"
    responses: list[Answer] = field(default_factory=list)
    deliveries: list[ReceivedDelivery] = field(default_factory=list)
    arrived: "queue.Queue[ReceivedDelivery]" = field(default_factory=queue.Queue)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?token=t0ken"

    @property
    def event_ids(self) -> list[int]:
        return [delivery.event["id"] for delivery in self.deliveries]

    def wait(self) -> ReceivedDelivery:
        """The next delivery, once it has come."""
        return self.arrived.get(timeout=PATIENCE_SECONDS)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        body = handler.rfile.read(length)
        if len(body) < length:
            return  # its sender was killed: no receiver takes half a body for a delivery
        headers = {name.lower(): value for name, value in handler.headers.items()}
        delivery = ReceivedDelivery(handler.path, headers, body)
        self.deliveries.append(delivery)
        answer = self.responses.pop(0) if self.responses else status(204)
        self.arrived.put(delivery)
        answer(handler)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on 127.0.0.1, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.handle(self)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: Any) -> None:
            """Nothing: a sender that goes away is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server.server_address[1], "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
