"""Gates on a container at work: the story of a key, what a restart keeps, and how it stops."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import httpx

from console.demo_data.walkthrough import Demo, StepFailed
from gates.image.container import Container, Start, containers
from gates.image.health_check import secrets_of
from gates.image.shipped import Shipped
from gates.verdict import Verdict, judged
from latchkey import headers

STOP_SECONDS: Final = 10.0
IN_FLIGHT: Final = 20
BURST: Final = 5


def story(image: Shipped) -> Verdict:
    """It plays the story of a key, and neither its log nor the engine's view of it shows a secret."""
    with containers(image.engine) as start:
        address = _free_address()
        container = start(image.image, network="host", command=["--bind", address])
        container.await_health()
        told: list[str] = []
        found = []
        with httpx.Client(base_url=f"http://{address}", timeout=10, trust_env=False) as http:
            try:
                Demo(http, _first_key(container), told.append).play()
            except StepFailed as error:
                found.append(f"{error}, after: {told[-1] if told else 'nothing'}")
        shown = container.log() + json.dumps(container.inspected())
        found += ["a secret stands in the log" for secret in secrets_of(container) if secret in shown]
    return judged(found, "a key is issued, throttled, rotated and revoked; the log shows no secret")


def restart(image: Shipped) -> Verdict:
    """A new container on the volume has the same keys and buckets."""
    with containers(image.engine) as start:
        found = list(_restart_faults(image.image, start))
    return judged(found, f"the key is there, and so is its bucket, which {BURST} calls emptied")


def _restart_faults(image: str, start: Start) -> Iterator[str]:
    address = _free_address()
    served: dict[str, Any] = {"network": "host", "command": ["--bind", address], "volume": f"latchkey-{uuid4().hex}"}
    first = start(image, **served)
    first.await_health()
    options = ["--label", "kept", "--burst", str(BURST), "--per-seconds", "86400", "--format", "json"]
    credential = json.loads(first.execute("python", "manage.py", "issue_key", *options))["credential"]
    before = [_call(address, credential) for _ in range(BURST + 1)]
    if before != [200] * BURST + [429]:
        yield f"before: {before}"
    first.stop()
    again = start(image, **served)
    again.await_health()
    if (after := _call(address, credential)) != 429:
        yield f"after the restart the empty bucket answers {after}"
    labels = sorted(key["label"] for key in again.manage("list_keys")["items"] if key["state"] == "active")
    if len(labels) != 3 or "kept" not in labels:
        yield f"the active keys are {labels}"
    if "first-start" in again.log():
        yield "the second start makes what the first has made"


def stopping(image: Shipped) -> Verdict:
    """It stops in time, with exit 0, and answers what was in flight."""
    with containers(image.engine) as start:
        address = _free_address()
        container = start(image.image, network="host", command=["--bind", address])
        container.await_health()
        begun = _begin(address, _first_key(container))
        stopped: list[Any] = []
        stopper = threading.Thread(target=lambda: stopped.append(container.stop(int(STOP_SECONDS))))
        stopper.start()
        while stopper.is_alive() and _listens(address):
            time.sleep(0.02)
        statuses = [_finish(connection) for connection in begun]
        stopper.join()
        (seconds, status) = stopped[0]
    found = [] if statuses == [200] * IN_FLIGHT else [f"of {IN_FLIGHT} in flight: {statuses}"]
    found += [f"took {seconds:.1f} s"] if seconds >= STOP_SECONDS else []
    found += [f"exit {status}"] if status else []
    return judged(found, f"in {seconds:.1f} s, exit 0, with {IN_FLIGHT} of {IN_FLIGHT} requests in flight answered")


def _begin(address: str, credential: str) -> list[socket.socket]:
    """Requests of which the server has all but the last byte."""
    body = json.dumps({"credential": credential}).encode()
    head = f"POST /v1/verify HTTP/1.1\r\nHost: {address}\r\n{headers.API_KEY}: {credential}\r\n"
    head += f"Content-Length: {len(body)}\r\n"
    host, _, port = address.partition(":")
    connections = [socket.create_connection((host, int(port)), timeout=STOP_SECONDS) for _ in range(IN_FLIGHT)]
    for connection in connections:
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body[:-1])
    return connections


def _finish(connection: socket.socket) -> int:
    """Sends the last byte; the status of the answer, 0 where there is none."""
    try:
        connection.sendall(b"}")
        return int((connection.recv(4096).split() or [b"", b"0"])[1])
    except OSError:
        return 0
    finally:
        connection.close()


def _call(address: str, credential: str) -> int:
    return httpx.get(f"http://{address}/v1/whoami", headers={headers.API_KEY: credential}, trust_env=False).status_code


def _first_key(container: Container) -> str:
    told = container.execute("cat", "/data/first-start.txt").split()
    return told[told.index("key") + 1]


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
