"""Servers that services commonly run on, each with its own default bounds on what a request's header may hold."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.gateway.proxies.running import nginx_frame, wait_until_it_listens
from tests.support.ports import free_port

SHOWN: Final = ("x-latchkey-key-id", "x-latchkey-owner", "x-latchkey-scopes", "x-request-id")
"""Each service returns the values of these fields, a line each."""

_PYTHON: Final = f"""
SHOWN = {SHOWN}


def wsgi(environ, start_response):
    # A large header of an answer, if the request asks for it.
    large = "x" * int(environ.get("HTTP_X_WANTED_BYTES", 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Large", large)])
    return ["\\n".join(environ.get("HTTP_" + name.upper().replace("-", "_"), "") for name in SHOWN).encode()]


async def asgi(scope, receive, send):
    fields = {{name.decode(): value for name, value in scope["headers"]}}
    await send({{"type": "http.response.start", "status": 200}})
    await send({{"type": "http.response.body", "body": b"\\n".join(fields.get(name, b"") for name in SHOWN)}})
"""
_NODE: Final = f"""
const shown = {list(SHOWN)};
require("http")
  .createServer((request, response) => response.end(shown.map((name) => request.headers[name] ?? "").join("\\n")))
  .listen(Number(process.argv[2]), "127.0.0.1");
"""
_NGINX: Final = "server {{ listen 127.0.0.1:{port}; return 200 '{shown}'; }}"


def _gunicorn(directory: Path, port: int) -> list[str]:
    (directory / "service.py").write_text(_PYTHON)
    bound = f"127.0.0.1:{port}"
    return [sys.executable, "-m", "gunicorn", "service:wsgi", "--bind", bound, "--threads", "8", "--no-control-socket"]


def _uvicorn(directory: Path, port: int) -> list[str]:
    (directory / "service.py").write_text(_PYTHON)
    return [sys.executable, "-m", "uvicorn", "service:asgi", "--port", str(port), "--http", "h11"]


def _node(directory: Path, port: int) -> list[str]:
    (directory / "service.js").write_text(_NODE)
    return ["node", "service.js", str(port)]


def _nginx(directory: Path, port: int) -> list[str]:
    shown = "\n".join(f"$http_{name.replace('-', '_')}" for name in SHOWN)
    return nginx_frame(_NGINX.format(port=port, shown=shown), directory)


_COMMANDS: Final[dict[str, Callable[[Path, int], list[str]]]] = {
    "gunicorn": _gunicorn,
    "uvicorn": _uvicorn,
    "node": _node,
    "nginx": _nginx,
}
COMMON: Final = [
    pytest.param(name, marks=[pytest.mark.needs(name)] if name in ("node", "nginx") else []) for name in _COMMANDS
]


@contextmanager
def common_service(name: str, directory: Path) -> Iterator[str]:
    """Run one of COMMON with its defaults on a free port, and yield its URL."""
    port = free_port()
    command = _COMMANDS[name](directory, port)
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory)}
    with (directory / "service.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)
    try:
        wait_until_it_listens(process, port, directory / "service.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
