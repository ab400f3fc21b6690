"""A running container with no more rights than the image needs, and what can be asked of it."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from gates.image.commands import ImageError, attempt, run, tidy
from gates.image.engine import Engine

WRITABLE: Final = "/data"
# Each engine has a tmpfs here by itself, of a size and with rights of its own choice.
SHARED: Final = "/dev/shm"  # noqa: S108 - of the container
RESTRAINTS: Final = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--memory", "512m", "--pids-limit", "64", "--pull", "never"),
    *("--tmpfs", f"{SHARED}:rw,noexec,nosuid,nodev,mode=1777,size=16m"),
)
_TOO_SLOW: Final = "healthcheck command exceeded timeout"  # podman's words for a check that does not hold in time
START_SECONDS: Final = 30.0
# One process that asks again and again: a new one for each question would take from the server the processors that it
# starts on.
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

    def execute(self, *command: str, given: str | None = None) -> str:
        """What a command in the container prints. Raises ImageError where it fails."""
        interactive = ["--interactive"] if given is not None else []
        return run([*self.engine.run, "exec", *interactive, self.name, *command], given=given)

    def python(self, program: str, *arguments: str, given: str | None = None) -> str:
        """What a Python program in the container prints."""
        return self.execute("python", "-c", program, *arguments, given=given)

    def manage(self, *arguments: str) -> Any:
        """The result of a manage.py command, decoded."""
        return json.loads(self.execute("python", "manage.py", *arguments, "--format", "json"))

    def inspected(self) -> dict[str, Any]:
        """What the engine knows of the container."""
        found: dict[str, Any] = json.loads(run([*self.engine.run, "inspect", self.name]))[0]
        return found

    def healthy(self) -> bool:
        """Whether the image's own HEALTHCHECK holds now. Raises ImageError where it could not be asked."""
        if self.engine.name == "podman":
            done = attempt([*self.engine.run, "healthcheck", "run", self.name])
        else:
            test = self.inspected()["Config"]["Healthcheck"]["Test"]
            command = test[1:] if test[0] == "CMD" else ["/bin/sh", "-c", *test[1:]]
            done = attempt([*self.engine.run, "exec", self.name, *command])
        if done.returncode not in (0, 1) and _TOO_SLOW not in done.stderr:
            said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise ImageError(f"the health check ended with {done.returncode}: {said}\n{self.log()[-2000:]}")
        return done.returncode == 0

    def await_health(self) -> float:
        """Seconds until it was healthy. Raises ImageError with its log where that takes too long."""
        started = time.monotonic()
        while not self.healthy():
            left = started + START_SECONDS - time.monotonic()
            if left <= 0:
                raise ImageError(f"not healthy within {START_SECONDS:.0f} s:\n{self.log()[-2000:]}")
            attempt([*self.engine.run, "exec", self.name, "python", "-c", _AWAIT, str(left)])
        return time.monotonic() - started

    def log(self) -> str:
        """What it wrote, to either stream."""
        done = attempt([*self.engine.run, "logs", self.name])
        return done.stdout + done.stderr

    def stop(self, seconds: int = 10) -> tuple[float, int]:
        """Stops it as an orchestrator does; returns how many seconds that took, and its exit status."""
        started = time.monotonic()
        run([*self.engine.run, "stop", "-t", str(seconds), self.name])
        return time.monotonic() - started, int(self.inspected()["State"]["ExitCode"])


Start = Callable[..., Container]


@contextmanager
def containers(engine: Engine) -> Iterator[Start]:
    """Starts containers, and removes them, and their volumes, at the end."""
    names: list[str] = []
    volumes: list[str] = []

    def start(
        image: str,
        *,
        volume: str = "",
        network: str = "none",
        options: Sequence[str] = (),
        command: Sequence[str] = (),
    ) -> Container:
        names.append(f"latchkey-{uuid4().hex[:12]}")
        volumes.append(volume or f"latchkey-{uuid4().hex[:12]}")
        given = [*RESTRAINTS, *engine.limits, "--network", network, "--volume", f"{volumes[-1]}:{WRITABLE}", *options]
        run([*engine.run, "run", "--detach", "--name", names[-1], *given, image, *command])
        return Container(engine, names[-1])

    try:
        yield start
    finally:
        for name in names:
            tidy([*engine.run, *engine.remove, name])
        for name in set(volumes):
            tidy([*engine.run, "volume", "rm", "--force", name])
