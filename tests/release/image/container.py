"""A running container with no more rights than the image needs, and what it can be asked."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from deploy.image.commands import ImageError, attempt, clean_up, run
from deploy.image.engine import Engine

VOLUME: Final = "/data"
# Each engine mounts a tmpfs here by default, with a size and mode of its own choice.
SHARED: Final = "/dev/shm"
RESTRAINTS: Final = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--memory", "512m", "--pids-limit", "64", "--pull", "never"),
    *("--tmpfs", f"{SHARED}:rw,noexec,nosuid,nodev,mode=1777,size=16m"),
)
START_SECONDS: Final = 60.0
_TIMED_OUT: Final = "healthcheck command exceeded timeout"  # podman's message
# One process that checks repeatedly: starting one for each check would slow the server down while it starts.
_AWAIT: Final = """
import contextlib, io, sys, time
from health.self_check import main
deadline = time.monotonic() + float(sys.argv[1])
with contextlib.redirect_stderr(io.StringIO()):
    while main([]) and time.monotonic() < deadline:
        time.sleep(0.02)
"""


@dataclass(frozen=True, slots=True)
class Container:
    """A container by its name."""

    engine: Engine
    name: str

    def execute(self, *command: str) -> str:
        """Return what a command in the container prints. Raise ImageError if it fails."""
        return run([*self.engine.run, "exec", self.name, *command])

    def python(self, program: str, *arguments: str) -> str:
        """Return what a Python program in the container prints."""
        return self.execute("python", "-c", program, *arguments)

    def manage(self, *arguments: str) -> Any:
        """Return the decoded result of a manage.py command."""
        return json.loads(self.execute("python", "manage.py", *arguments, "--format", "json"))

    def inspected(self) -> dict[str, Any]:
        """Return what the engine knows about the container."""
        found: dict[str, Any] = json.loads(run([*self.engine.run, "inspect", self.name]))[0]
        return found

    def healthy(self) -> bool:
        """Run the container's health check. Raise ImageError if it could not be run."""
        if self.engine.name == "podman":
            done = attempt([*self.engine.run, "healthcheck", "run", self.name])
        else:
            test = self.inspected()["Config"]["Healthcheck"]["Test"]
            command = test[1:] if test[0] == "CMD" else ["/bin/sh", "-c", *test[1:]]
            done = attempt([*self.engine.run, "exec", self.name, *command])
        if done.returncode not in (0, 1) and _TIMED_OUT not in done.stderr:
            raise ImageError(f"the health check exited with {done.returncode}: {done.stderr}\n{self.log()[-2000:]}")
        return done.returncode == 0

    def await_health(self) -> float:
        """Return after how many seconds it was healthy. Raise ImageError with its log if that takes too long."""
        started = time.monotonic()
        while not self.healthy():
            left = started + START_SECONDS - time.monotonic()
            if left <= 0:
                raise ImageError(f"not healthy within {START_SECONDS:.0f} s:\n{self.log()[-2000:]}")
            attempt([*self.engine.run, "exec", self.name, "python", "-c", _AWAIT, str(left)])
        return time.monotonic() - started

    def log(self) -> str:
        """Return its output, standard error included."""
        done = attempt([*self.engine.run, "logs", self.name])
        return done.stdout + done.stderr

    def stop(self, seconds: int = 10) -> tuple[float, int]:
        """Stop it as an orchestrator does. Return how many seconds that took, and its exit status."""
        started = time.monotonic()
        run([*self.engine.run, "stop", "-t", str(seconds), self.name])
        return time.monotonic() - started, int(self.inspected()["State"]["ExitCode"])


Start = Callable[..., Container]


@contextmanager
def containers(engine: Engine, image: str, *extra: str, prefix: Sequence[str] = ()) -> Iterator[Start]:
    """Yield a function that starts containers of an image; remove them and their volumes at the end.

    `extra` options and words in front of each command plant a fault in all of them.
    """
    names: list[str] = []
    volumes: list[str] = []

    def start(*options: str, volume: str = "", network: str = "none", command: Sequence[str] = ()) -> Container:
        names.append(f"latchkey-{uuid4().hex[:12]}")
        volumes.append(volume or f"latchkey-{uuid4().hex[:12]}")
        given = [*RESTRAINTS, *engine.limits, "--network", network, "--volume", f"{volumes[-1]}:{VOLUME}", *options]
        run([*engine.run, "run", "--detach", "--name", names[-1], *given, *extra, image, *prefix, *command])
        return Container(engine, names[-1])

    try:
        yield start
    finally:
        for name in names:
            clean_up([*engine.run, *engine.remove, name])
        for name in set(volumes):
            clean_up([*engine.run, "volume", "rm", "--force", name])


def sleeping(start: Start, *options: str) -> Container:
    """Start a container that serves nothing."""
    return start("--entrypoint", "sleep", *options, command=["60"])


def free_address() -> str:
    """Return an address of this machine on which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
