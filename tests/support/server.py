"""A real server for a test: `manage.py serve` on a free port, with a data directory of its own."""

import fcntl
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from health.node.data_dir_lock import LOCK_FILE
from tests.support import commands
from tests.support.commands import MANAGE, Begun
from tests.support.migrated import migrated_file
from tests.support.ports import free_port
from tests.support.server_secrets import SERVER_SECRETS
from tests.support.stores import SERVER_STORES
from tests.support.waiting import wait_until

START_SECONDS = 30.0


@dataclass
class RunningServer:
    """The server's processes and address; `log` is what they wrote. `descriptors` are passed on to it; `file_limit` is
    the soft and the hard limit on open files that it starts with, if they are not this process's.
    """

    data_dir: Path
    workers: int = 4
    settings: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    descriptors: tuple[int, ...] = ()
    process: "Begun | subprocess.Popen[bytes] | None" = None
    file_limit: tuple[int, int] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data_dir / "server.log").read_text()

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
        }
        return {
            **kept,
            "DATA_DIR": str(self.data_dir),
            **SERVER_SECRETS,
            "PORT": str(self.port),
            **self.stores(),
            **self.settings,
        }

    def stores(self, *, migrated: bool = False) -> dict[str, str]:
        """The settings of its stores, where they neither lie in its data directory nor stand in its `settings`."""
        return {} if "DATABASE_URL" in self.settings else SERVER_STORES.of(self.data_dir, migrated=migrated)

    def migrate(self) -> None:
        """Makes its database as `manage.py migrate` does, by copying what that command made once."""
        if "DATABASE_URL" not in self.stores(migrated=True) | self.settings:
            shutil.copy(migrated_file(), self.data_dir)

    def manage(
        self, *arguments: str, check: bool = True, environment: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run one manage.py command in the server's environment."""
        return commands.manage(arguments, {**self.environment, **(environment or {})}, check=check)

    @property
    def command(self) -> list[str]:
        """What starts it."""
        bind = ["--bind", f"127.0.0.1:{self.port}"]
        return [sys.executable, str(MANAGE), "serve", *bind, "--workers", str(self.workers), *self.arguments]

    def start(self) -> None:
        """Starts it and returns when it answers."""
        self.process = self._alone() if self.descriptors or self.file_limit else self._forked()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.log.count("Started server process") >= self.workers and self._answers():
                return
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.log}")

    def _forked(self) -> Begun:
        _, *program = self.command
        log = self.data_dir / "server.log"
        log.touch()
        return Begun(program, self.environment, log)

    def _alone(self) -> "subprocess.Popen[bytes]":
        """A process that begins with what it is given: it cannot be forked from one that has begun."""
        limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, self.file_limit) if self.file_limit else None
        with (self.data_dir / "server.log").open("ab") as log:
            return subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=limit,
                pass_fds=self.descriptors,
            )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks it to stop and returns its exit status, once none of its processes uses the data directory."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(30)
        # A killed parent leaves children, which end by themselves a moment later.
        wait_until(self._left_data_dir, "the end of the last process")
        return status

    def worker_pids(self) -> list[int]:
        """The processes that serve now, by what they said when they started and by whether they live."""
        pids = [int(pid) for pid in re.findall(r"Started server process \[(\d+)\]", self.log)]
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    def metric(self, credential: str, name: str) -> float:
        """One metric without labels, as the next successful scrape has it."""
        found: list[str] = []

        def scrape() -> bool:
            # In an outage, a scrape may be refused because its key can't be confirmed at that moment.
            text = httpx.get(f"{self.url}/metrics", headers={"X-API-Key": credential}, timeout=30).text
            found.extend(re.findall(rf"^{name} (\S+)$", text, re.MULTILINE))
            return bool(found)

        wait_until(scrape, f"the metric {name}")
        return float(found[0])

    def _left_data_dir(self) -> bool:
        lock = self.data_dir / LOCK_FILE
        if not lock.exists():
            return True
        with lock.open() as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def issue(server: RunningServer, *arguments: str) -> dict[str, Any]:
    """A key issued by command, as JSON."""
    issued: dict[str, Any] = json.loads(server.manage("issue_key", "--format", "json", *arguments).stdout)
    return issued
