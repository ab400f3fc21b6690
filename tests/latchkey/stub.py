"""A server that answers as a test tells it, for answers that no Latchkey would give. It names the request as Latchkey
does, where the test does not say otherwise.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

JSON = {"Content-Type": "application/json"}
PROBLEM = {"Content-Type": "application/problem+json"}


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class StubResponse:
    """What goes back."""

    status: int = 200
    fields: dict[str, str] = field(default_factory=lambda: dict(JSON))
    body: bytes = b"{}"


@dataclass
class Stub:
    """`url` is its address, `requests` what came so far."""

    url: str
    requests: list[Request] = field(default_factory=list)


Reply = Callable[[Request], StubResponse | None]


@contextmanager
def stub(reply: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """Serves `reply`; where that is None the connection ends without a word."""
    found = Stub("")

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            self.close_connection = True
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            found.requests.append(request)
            response = reply(request)
            if response is None:
                return
            self.send_response(response.status)
            own = {"Content-Length": str(len(response.body)), "X-Request-Id": self.headers.get("X-Request-Id", "")}
            for name, value in (own | response.fields).items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that has gone

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    found.url = f"{'https' if tls else 'http'}://localhost:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
