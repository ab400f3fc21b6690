"""A temporary Latchkey: its data directory, its server, and keys to call it with."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

import httpx

from benchmarks import servers
from benchmarks.measurement import ROOT, CouldNotMeasure
from latchkey.metric_names import RATE_LIMIT_ALLOWED
from tests.support.ports import free_port

HIGH_LIMIT: Final = {"burst": 1_000_000, "per_seconds": 1}
"""A limit that no load generator reaches, so that the bucket is still read and written."""

NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
_APPLICATION: Final = "benchmarks.app:application"
_GUNICORN: Final = ("-m", "controlplane.processes.gunicorn_server")


class Installation:
    """Latchkey on SQLite and lmdb in `directory`, unless `settings` say otherwise, with one key that has all scopes."""

    def __init__(self, directory: Path, *, workers: int, settings: Mapping[str, str] = NO_SETTINGS) -> None:
        self.directory = directory
        self.port = free_port()
        self._environment = {**environment(directory, self.port, workers), **settings}
        self.run("manage.py", "migrate", "--verbosity", "0")
        limit = ["--burst", str(HIGH_LIMIT["burst"]), "--per-seconds", str(HIGH_LIMIT["per_seconds"])]
        issue = ["issue_key", "--label", "benchmark", "--scope", "*", *limit, "--format=json"]
        self.credential: str = json.loads(self.run("manage.py", *issue))["credential"]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve `benchmarks.app` as `manage.py serve` would, without the background worker."""
        metrics = self.directory / "metrics"
        metrics.mkdir()
        serving = {
            **self._environment,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "LATCHKEY_BIND": f"127.0.0.1:{self.port}",
            "LATCHKEY_STARTED_AT": str(time.time()),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        with servers.running([sys.executable, *_GUNICORN, _APPLICATION], serving, self.directory / "server.log"):
            yield

    @contextmanager
    def served(self) -> Iterator[int]:
        """Run `manage.py serve`, without the background worker, which starts late. Yields the id of its process."""
        command = [sys.executable, "manage.py", "serve", "--no-steward", "--bind", f"127.0.0.1:{self.port}"]
        with servers.running(command, self._environment, self.directory / "server.log") as process:
            servers.wait_until_ready(self.port)
            yield process.pid

    def issue(self, limit: Mapping[str, int], scopes: Sequence[str] = ()) -> str:
        """Return the credential of a new key."""
        body = {"label": "benchmark", "rate_limit": dict(limit), "scopes": list(scopes)}
        return str(
            self._call("POST", "/v1/keys", json=body, headers={"X-API-Key": self.credential}).json()["credential"]
        )

    def metric(self, name: str) -> int:
        """Return a metric's sum over its labels and all workers."""
        values = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", self._call("GET", "/metrics").text, re.MULTILINE)
        return int(sum(map(float, values)))

    def allowed_total(self) -> int:
        """Return the server's own count of allowed requests."""
        return self.metric(RATE_LIMIT_ALLOWED)

    def run(self, *arguments: str) -> str:
        """Return the output of this Python with these arguments and the settings of this Latchkey."""
        return servers.output_of(
            [sys.executable, *arguments], {**self._environment, "DJANGO_SETTINGS_MODULE": "controlplane.settings"}
        )

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = httpx.request(method, f"http://127.0.0.1:{self.port}{path}", timeout=10, **options)
        if response.status_code not in (200, 201):
            raise CouldNotMeasure(f"{method} {path} returned {response.status_code}: {response.text}")
        return response


@contextmanager
def installation(*, workers: int, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[Installation]:
    """Serve a new Latchkey for as long as the context lasts, and then remove it."""
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        latchkey = Installation(Path(directory), workers=workers, settings=settings)
        with latchkey.serving():
            yield latchkey


def environment(directory: Path, port: int, workers: int) -> dict[str, str]:
    """Return all settings that decide where data goes and what a request costs: no `.env` and no shell adds to them."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(ROOT),
        "DATA_DIR": str(directory),
        "DATABASE_URL": f"sqlite:///{directory / 'latchkey.sqlite3'}",
        "BUCKET_STORE_URL": f"lmdb://{directory / 'buckets'}",
        "SECRET_KEY": token_hex(32),
        "SECRET_PEPPERS": f"p1:{token_hex(32)}",
        "ALLOWED_HOSTS": "127.0.0.1",
        "TRUSTED_PROXIES": "",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "WORKERS": str(workers),
        "METRICS_PUBLIC": "true",  # a scrape with a key would count itself
        "DEBUG": "false",
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "json",
    }
