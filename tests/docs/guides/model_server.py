"""A small server that speaks like Ollama and vLLM: it streams, and rejects a Host that isn't local, as Ollama does."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAUSE_SECONDS = 0.5
WORDS = ("Hello", " there", "")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b'{"object":"list","data":[]}')

    def do_DELETE(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._local():
            return self._answer(b"", 403)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in WORDS:
            line = {"model": asked["model"], "message": {"role": "assistant", "content": word}, "done": not word}
            self._chunk(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            time.sleep(PAUSE_SECONDS if word else 0)
        return self._chunk(b"")

    def _local(self) -> bool:
        """Ollama accepts no other host while it listens on a local address."""
        return self.headers["Host"].partition(":")[0] in ("localhost", "127.0.0.1")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status if self._local() else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def model_server() -> Iterator[int]:
    """Run it on a free port, and yield the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
