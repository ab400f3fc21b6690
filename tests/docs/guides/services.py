"""What stands behind the proxies of the guides: small servers with the HTTP of a model server, of an MCP server and of
an SSO proxy.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

PAUSE_SECONDS: Final = 0.5
"""Between two parts of a response that streams."""


class Handler(BaseHTTPRequestHandler):
    """Sends whole responses, and such that stream.

    Between two parts it waits until `received` says that a client has the first one, for `patience` seconds at most;
    `was_received` tells whether it did. Clients that don't say so see a pause.
    """

    protocol_version = "HTTP/1.1"
    received = threading.Event()
    patience: float = PAUSE_SECONDS
    was_received = False

    def asked(self) -> dict[str, str]:
        """Return the JSON in the request."""
        found: dict[str, str] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return found

    def local(self) -> bool:
        """Return whether the request names a local host. Otherwise, send what the real servers send."""
        if self.headers["Host"].partition(":")[0] in ("localhost", "127.0.0.1"):
            return True
        self.answer({}, 403)
        return False

    def answer(self, document: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> None:
        body = json.dumps(document, separators=(",", ":")).encode()
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def stream(self, content_type: str, *parts: str) -> None:
        """Send parts as chunks, with a pause between each two."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, part in enumerate(parts):
            if number:
                type(self).was_received = self.received.wait(self.patience)
            self.wfile.write(f"{len(part):x}\r\n{part}\r\n".encode())
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


class ModelServer(Handler):
    """Speaks like Ollama and vLLM. Like Ollama, it serves only a local Host."""

    def do_GET(self) -> None:
        if self.local():
            self.answer({"object": "list", "data": []})

    def do_DELETE(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        model = self.asked()["model"]
        lines = [
            {"model": model, "message": {"role": "assistant", "content": word}, "done": not word}
            for word in ("Hello", " there", "")
        ]
        if self.local():
            self.stream("application/x-ndjson", *(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


class McpServer(Handler):
    """Speaks MCP's Streamable HTTP. Like the SDKs, it serves only a local Host."""

    def do_POST(self) -> None:
        self.asked()
        tool = {"name": "close_ticket", "description": f"for {self.headers.get('X-Latchkey-Scopes')}"}
        messages = [
            {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "listing"}},
            {"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool]}},
        ]
        if self.local():
            events = (f"event: message\ndata: {json.dumps(message)}\n\n" for message in messages)
            self.stream("text/event-stream", *events)


class Sso(Handler):
    """Answers the checks of Authelia and of oauth2-proxy: the cookie `session=ana` is Ana's, and there is no other."""

    def do_GET(self) -> None:
        if self.headers.get("Cookie") == "session=ana":
            name = "Remote-User" if "authz" in self.path else "X-Auth-Request-User"
            self.answer({}, 202 if "oauth2" in self.path else 200, ((name, "ana"),))
        elif "forward-auth" in self.path:
            self.answer({}, 302, (("Location", "https://auth.example.com/?rd=here"),))
        else:
            self.answer({}, 401, (("Location", "https://auth.example.com/?rd=here"),))


class App(Handler):
    """Answers with the identity that reaches it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        found = {name.lower(): value for name, value in self.headers.items()}
        shown = ("remote-user", "x-latchkey-key-id", "x-latchkey-scopes", "x-api-key", "x-forwarded-for")
        self.answer({"method": self.command, "body": body} | {name: found.get(name, "") for name in shown})

    def do_GET(self) -> None:
        self.do_POST()


@contextmanager
def listening(handler: type[Handler]) -> Iterator[int]:
    """Serve on a free port, and yield the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
