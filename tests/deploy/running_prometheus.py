"""A real Prometheus for a test: the kit's own files, with another target, credential and pace."""

import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from tests.deploy import kit
from tests.support.ports import free_port
from tests.support.server import RunningServer

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 60.0


def eventually(ask: Callable[[], Answer | None], what: str) -> Answer:
    """The first answer of `ask` that is true; fails where there is none in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_SECONDS} seconds: {what}")


@dataclass
class RunningPrometheus:
    """Scrapes `server` with `credential` each second; its files and its log lie in `directory`."""

    directory: Path
    server: RunningServer
    credential: str
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it and returns when it answers."""
        kept = shutil.copytree(kit.PROMETHEUS, self.directory / "kit")
        (kept / "prometheus.yml").write_text(yaml.safe_dump(self._config(kept)))
        command = [
            "prometheus",
            f"--config.file={kept / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with (self.directory / "prometheus.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log)
        try:
            eventually(self._ready, "Prometheus is ready")
        except AssertionError:
            self.stop()
            raise AssertionError((self.directory / "prometheus.log").read_text()) from None

    def stop(self) -> None:
        """Asks it to stop and waits."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of a call of its API."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def target(self) -> dict[str, Any]:
        """The one target, once it was scraped."""

        def scraped() -> dict[str, Any] | None:
            (target,) = self.ask("targets")["activeTargets"] or [{"health": "unknown"}]
            return None if target["health"] == "unknown" else target

        return eventually(scraped, "the target was scraped")

    def alerts(self, state: str) -> list[dict[str, str]]:
        """The labels of the alerts that are in `state`: pending or firing."""
        return [alert["labels"] for alert in self.ask("alerts")["alerts"] if alert["state"] == state]

    def _config(self, kept: Path) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load(kit.CONFIG.read_text())
        config["global"] = dict.fromkeys(config["global"], "1s")
        (job,) = config["scrape_configs"]
        key_id, _, secret = self.credential.partition(":")
        job["basic_auth"]["username"] = key_id
        (kept / job["basic_auth"]["password_file"]).write_text(f"{secret}\n")
        job["static_configs"] = [{"targets": [f"127.0.0.1:{self.server.port}"]}]
        return config

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "Prometheus ended"
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/-/ready").status_code == 200
        except httpx.TransportError:
            return False
