"""A container at work: a key's life, a stop during requests, a restart on the same volume."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from console.demo_data.walkthrough import Demo
from latchkey import headers
from tests.release.image.container import Container, Start, containers, free_address
from tests.release.image.image import Image

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]

STOP_SECONDS = 10
IN_FLIGHT = 20
BURST = 5
ENTRYPOINT = "python -m controlplane.bootstrap --serve --first-start-file /data/first-start.txt"
FAULTS = (
    "rm -rf /data/buckets; "
    "(until cat /data/first-start.txt 2>/dev/null; do sleep 0.5; done) & "
    f'exec {ENTRYPOINT} "$@"'
)  # fmt: skip


@dataclass
class Life:
    """What was observed of two containers, one after the other on the same volume."""

    demo: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    shown: str = ""
    calls: list[int] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)
    stopped: tuple[float, int] = (0.0, -1)
    call_after_restart: int = 0
    labels: list[str] = field(default_factory=list)
    second_log: str = ""


def live(start: Start) -> Life:
    life, address = Life(), free_address()
    served: dict[str, Any] = {"network": "host", "command": ["--bind", address], "volume": f"latchkey-{uuid4().hex}"}
    first = start(**served)
    first.await_health()
    root = first_key(first)
    with httpx.Client(base_url=f"http://{address}", timeout=10, trust_env=False) as http:
        Demo(http, root, life.demo.append).play()
    options = ["--label", "kept", "--burst", str(BURST), "--per-seconds", "86400"]
    credential = first.manage("issue_key", *options)["credential"]
    life.calls = [call(address, credential) for _ in range(BURST + 1)]
    life.secrets = secrets_of(first)
    stop_during_requests(first, address, root, life)
    life.shown = first.log() + json.dumps(first.inspected())
    second = start(**served)
    second.await_health()
    life.call_after_restart = call(address, credential)
    life.labels = [key["label"] for key in second.manage("list_keys")["items"] if key["state"] == "active"]
    life.second_log = second.log()
    return life


def stop_during_requests(container: Container, address: str, credential: str, life: Life) -> None:
    """Stop the container while it has all but the last byte of some requests; then send that byte."""
    body = json.dumps({"credential": credential}).encode()
    head = f"POST /v1/verify HTTP/1.1\r\nHost: {address}\r\n{headers.API_KEY}: {credential}\r\n"
    head += f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n"
    host, _, port = address.partition(":")
    connections = [socket.create_connection((host, int(port)), timeout=STOP_SECONDS) for _ in range(IN_FLIGHT)]
    for connection in connections:
        connection.sendall(head.encode() + body[:-1])
    stopped: list[tuple[float, int]] = []
    stopper = threading.Thread(target=lambda: stopped.append(container.stop(STOP_SECONDS)))
    stopper.start()
    while stopper.is_alive() and listens(host, int(port)):
        time.sleep(0.02)
    life.in_flight = [finish(connection) for connection in connections]
    stopper.join()
    life.stopped = stopped[0]


def finish(connection: socket.socket) -> int:
    """Send the last byte and return the response's status, 0 if there is none."""
    with connection:
        try:
            connection.sendall(b"}")
            return int((connection.recv(4096).split() or [b"", b"0"])[1])
        except OSError:
            return 0


def listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def call(address: str, credential: str) -> int:
    return httpx.get(f"http://{address}/v1/whoami", headers={headers.API_KEY: credential}, trust_env=False).status_code


def first_key(container: Container) -> str:
    words = container.execute("cat", "/data/first-start.txt").split()
    return words[words.index("key") + 1]


def secrets_of(container: Container) -> list[str]:
    """Return the secrets that the first start created."""
    words = container.execute("cat", "/data/first-start.txt").split()
    check = json.loads(container.execute("cat", "/dev/shm/latchkey/health-check"))["credential"]
    return [words[words.index("Password") + 1], *(it.partition(":")[2] for it in (first_key(container), check))]


@pytest.fixture(scope="module")
def life(image: Image) -> Iterator[Life]:
    with containers(image.engine, image.name) as start:
        yield live(start)


def test_key_is_issued_throttled_rotated_and_revoked(life: Life) -> None:
    assert len(life.demo) > 5


def test_log_and_engine_show_no_secret(life: Life) -> None:
    assert all(life.secrets)
    assert not any(secret in life.shown for secret in life.secrets)


def test_stop_completes_requests(life: Life) -> None:
    seconds, status = life.stopped
    assert (life.in_flight, status) == ([200] * IN_FLIGHT, 0)
    assert seconds < STOP_SECONDS


def test_restart_keeps_keys_and_buckets(life: Life) -> None:
    assert life.calls == [200] * BURST + [429]
    assert life.call_after_restart == 429
    # The first key, that of the health check, the two keys of the demo that share a quota, and this one.
    assert len(life.labels) == 5
    assert "kept" in life.labels
    assert "first-start" not in life.second_log


def test_faults_are_found(image: Image) -> None:
    """An image that shows its first secrets, dies on a stop and forgets buckets."""
    options = ("--entrypoint", "/bin/sh", "--stop-signal", "SIGKILL")
    with containers(image.engine, image.name, *options, prefix=["-c", FAULTS, "sh"]) as start:
        life = live(start)
    assert any(secret in life.shown for secret in life.secrets)
    assert 0 in life.in_flight
    assert life.stopped[1] != 0
    assert life.call_after_restart == 200
