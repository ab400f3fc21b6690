"""A service behind a proxy: it answers each request with what it received, as JSON."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OWN_FIELDS = (
    ("RateLimit", "the service's"),
    ("X-RateLimit-Limit", "7"),
    ("X-Request-Id", "its-own"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Expose-Headers", "X-Its-Own"),
    ("Vary", "Accept"),
)
"""What it says itself in every answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def _answer(self) -> None:
        body = self._body()
        document = {
            "method": self.command,
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": body.decode("latin-1"),
        }
        self.server.echo.seen.append(self.path)
        answer = json.dumps(document).encode()
        # Some services refuse by themselves, and some have limits of their own.
        self.send_response(int(self.path[8:11]) if self.path.startswith("/status/") else 200)
        for name, value in OWN_FIELDS:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every method is answered alike."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._answer

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    echo: "Echo"


@dataclass
class Echo:
    """The service; `seen` are the paths that were asked of it."""

    port: int
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def echo() -> Iterator[Echo]:
    """Runs it on a free port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.echo = Echo(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.echo
        server.shutdown()
        thread.join()
