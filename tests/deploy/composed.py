"""The services of compose.yaml that are Latchkey or Valkey, run for a test without containers: each by its entrypoint,
with its environment, and with the secrets where it looks for them.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from controlplane.environment import SECRETS_FILE
from tests.deploy.running_prometheus import eventually
from tests.support import commands
from tests.support.commands import ROOT
from tests.support.ports import free_port

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
VALKEY = shutil.which("valkey-server") or shutil.which("redis-server")
_DEFAULT = re.compile(r"\$\{\w+:-(.*)\}")


@dataclass
class Composed:
    """`ports` are those of nodes; `directory` has the DATA_DIR of each and what they wrote."""

    directory: Path
    database_url: str
    valkey_port: int = field(default_factory=free_port)
    ports: dict[str, int] = field(default_factory=dict)
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def make_secrets(self) -> None:
        """One `secrets.env` in the DATA_DIR of each, and Valkey's password."""
        text = (
            f"SECRET_KEY=a-key-for-a-test-{'0123456789abcdef' * 3}\nSECRET_PEPPERS=p1:{'ab' * 32}\n"
            f"DATABASE_URL={self.database_url}\nBUCKET_STORE_URL=redis://:of-a-test@127.0.0.1:{self.valkey_port}/0\n"
        )
        for name in ("web1", "web2", "steward"):
            (self.directory / name).mkdir()
            (self.directory / name / SECRETS_FILE).write_text(text)
        (self.directory / "requirepass").write_text("requirepass of-a-test\n")

    def start_valkey(self) -> None:
        """With the configuration that it has there, but for its port and the place of its password."""
        assert VALKEY
        text = (ROOT / "deploy" / "valkey" / "valkey.conf").read_text()
        there = text.replace("/run/secrets/valkey", str(self.directory / "requirepass"))
        (self.directory / "valkey.conf").write_text(f"{there}port {self.valkey_port}\nbind 127.0.0.1\n")
        self._start("valkey", [VALKEY, "valkey.conf"], dict(os.environ))

    def start_node(self, name: str) -> None:
        """Starts it and returns when it answers."""
        port = self.ports[name] = free_port()
        command = self.entrypoint(name, port)
        self._start(name, [sys.executable, *command[1:]], self.environment(name))
        eventually(lambda: self._answers(name), f"{name} answers")

    def entrypoint(self, name: str, port: int) -> list[str]:
        """The command of a service, on a port of this machine: its own may be taken."""
        return [part.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for part in SERVICES[name]["entrypoint"]]

    def run(self, name: str, command: list[str]) -> "subprocess.CompletedProcess[str]":
        """Run a command as `docker compose exec` does, or an entrypoint that ends."""
        return commands.run(command[1:], self.environment(name))

    def environment(self, name: str) -> dict[str, str]:
        """That of the service, with what the image sets."""
        given = {key: _DEFAULT.sub(r"\1", str(value)) for key, value in SERVICES[name]["environment"].items()}
        place = self.directory / ("steward" if name == "migrate" else name)
        return {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(place),
            "HEALTH_CHECK_FILE": str(place / "tmpfs" / "health-check"),
            **given,
        }

    def ask(self, name: str, path: str, credential: str = "") -> httpx.Response:
        """A request to one node, with a name that it answers to."""
        sent = {"Authorization": f"Bearer {credential}"} if credential else {}
        return httpx.get(f"http://127.0.0.1:{self.ports[name]}{path}", headers={"Host": name, **sent}, timeout=20)

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.directory / f"{name}.log").read_text()

    def stop(self) -> dict[str, int]:
        """Stops what still runs; the exit status of each."""
        for process in self.processes.values():
            process.terminate()
        return {name: process.wait(60) for name, process in self.processes.items()}

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        cwd = self.directory if name == "valkey" else ROOT
        with (self.directory / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(command, cwd=cwd, env=environment, stdout=log, stderr=log)

    def _answers(self, name: str) -> bool:
        assert self.processes[name].poll() is None, self.log(name)
        try:
            return self.ask(name, "/health").status_code == 200
        except httpx.TransportError:
            return False
