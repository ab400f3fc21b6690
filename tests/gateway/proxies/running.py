"""Real proxies for tests: each with the configuration that the command prints, on a free port."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from gateway.proxies.render import FILES, configuration
from gateway.proxies.values import Address, Values
from tests.support.ports import free_port
from tests.support.server import RunningServer
from tests.support.services import envoy

START_SECONDS = 30.0


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs."""

    name: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, trust_env=False, **options)  # type: ignore[arg-type]


def public_url(latchkey: RunningServer) -> str:
    """The default of PUBLIC_URL, by which problems are named."""
    return f"http://localhost:{latchkey.port}"


def values_for(upstream: str, nodes: Sequence[str], port: int, scopes: Sequence[str], public_url: str) -> Values:
    latchkey = tuple(Address.of_latchkey(url) for url in nodes)
    return Values(Address.of(upstream, "--upstream"), latchkey, public_url, tuple(scopes), listen=port)


@contextmanager
def running(
    name: str,
    directory: Path,
    upstream: str,
    *latchkey: RunningServer,
    scopes: Sequence[str] = (),
    opened: bool = False,
    latchkey_socket: Path | None = None,
    **options: Any,
) -> Iterator[Proxy]:
    """The proxy, when it listens. `latchkey_socket`: where it calls Latchkey instead of its port. `opened`: with the switch of docs/how-to/fail-open-or-closed.md. `options`: further ones of Values."""
    port = free_port()
    nodes = [f"unix:{latchkey_socket}"] if latchkey_socket else [node.url for node in latchkey]
    values = values_for(upstream, nodes, port, scopes, public_url(latchkey[0]))
    text = configuration(name, replace(values, **options))
    command = COMMANDS[name](OPENED[name](text) if opened else text, directory)
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    with (directory / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)
    try:
        wait_until_it_listens(process, port, directory / "proxy.log")
        yield Proxy(name, port)
    finally:
        process.terminate()
        process.wait(20)


def wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Return once something listens on the port. Raise RuntimeError with the log if the process ends or takes long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"it did not start:\n{log.read_text()}")


def nginx_frame(text: str, directory: Path) -> list[str]:
    """Return the command of an nginx with `text` within its `http`."""
    here = "".join(f" {name}_temp_path {directory}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    # As root its workers would become another user, who may not write where tests do.
    user = "user root; " if os.geteuid() == 0 else ""
    frame = (
        f"{user}pid {directory}/pid; error_log {directory}/proxy.log info; daemon off; worker_processes 2;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {directory}/body;{here}\n{text}\n}}\n"
    )
    (directory / "whole.conf").write_text(frame)
    return ["nginx", "-e", f"{directory}/proxy.log", "-p", str(directory), "-c", str(directory / "whole.conf")]


def _caddy(text: str, directory: Path) -> list[str]:
    (directory / FILES["caddy"]).write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(directory / FILES["caddy"])]


def _envoy(text: str, directory: Path) -> list[str]:
    (directory / FILES["envoy"]).write_text(text)
    program = envoy()
    assert program
    return [program, "-c", FILES["envoy"], "--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"]


def _open_nginx(text: str) -> str:
    return text.replace("# proxy_intercept_errors", "proxy_intercept_errors").replace("# error_page", "error_page")


def _open_caddy(text: str) -> str:
    before, after = text.split("FAIL OPEN", 1)
    lines = after.split("\n")
    return before + "\n".join([lines[0], *(line.replace("# ", "", 1) for line in lines[1:5]), *lines[5:]])


def _open_envoy(text: str) -> str:
    return text.replace("failure_mode_allow: false", "failure_mode_allow: true")


COMMANDS = {"nginx": nginx_frame, "caddy": _caddy, "envoy": _envoy}
OPENED = {"nginx": _open_nginx, "caddy": _open_caddy, "envoy": _open_envoy}
