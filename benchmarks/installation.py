"""Temporary installation of Latchkey: its data directory, its server, and keys to call it with."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

from benchmarks import paths, server
from benchmarks.failure import CouldNotMeasure
from benchmarks.peer_environment import ROOT
from benchmarks.ports import free_port
from latchkey.metric_names import EVENT_STREAMS_OPEN, ON_FALLBACK, RATE_LIMIT_ALLOWED

Limit = dict[str, int]

UNLIMITED_LIKE: Final[Limit] = {"burst": 1_000_000, "per_seconds": 1}
"""A limit that no load generator reaches. Unlike without a limit, the bucket is read and written."""

PRODUCT: Final = "controlplane.asgi:application"
# Only appears in PUBLIC_URL: a probe serves nothing.
_UNUSED_PORT: Final = 8000
_GUNICORN: Final = ("-m", "controlplane.processes.gunicorn_server")


class Installation:
    """Latchkey with SQLite and a bucket store in `directory`, or at the URL `store`, and one key with all scopes.

    `application` is the ASGI application to serve; `settings` extend or override those of `environment`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        workers: int,
        store: str | None = None,
        application: str = PRODUCT,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._directory = directory
        self._application = application
        self.port = free_port()
        self._environment = {**environment(directory, self.port, workers), **settings}
        if store is not None:
            self._environment["BUCKET_STORE_URL"] = store
        self._manage("migrate", "--verbosity", "0")
        limit = ["--burst", str(UNLIMITED_LIKE["burst"]), "--per-seconds", str(UNLIMITED_LIKE["per_seconds"])]
        issued = json.loads(self._manage("issue_key", "--label", "benchmark", "--scope", "*", *limit, "--format=json"))
        self.credential: str = issued["credential"]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve with gunicorn, like `manage.py serve` but without the steward. Don't wait until it responds."""
        metrics = self._directory / "metrics"
        metrics.mkdir()
        serving = {
            **self._environment,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "LATCHKEY_BIND": f"127.0.0.1:{self.port}",
            "LATCHKEY_STARTED_AT": str(time.time()),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        command = [sys.executable, *_GUNICORN, self._application]
        with server.running(command, serving, self._directory / "server.log"):
            yield

    @contextmanager
    def served(self) -> Iterator[int]:
        """Serve with `manage.py serve`, without the steward; yield the process once it responds."""
        # Without the steward, because it starts late, in the middle of a measurement.
        command = [sys.executable, "manage.py", "serve", "--no-steward", "--bind", f"127.0.0.1:{self.port}"]
        with server.running(command, self._environment, self._directory / "server.log") as process:
            server.wait_until_answering(self.port)
            yield process.pid

    def issue(self, limit: Limit, scopes: Sequence[str] = ()) -> str:
        """Issue a key with that limit and those scopes; return its credential."""
        body = json.dumps({"label": "benchmark", "rate_limit": limit, "scopes": list(scopes)})
        fields = {"Content-Type": "application/json", "X-API-Key": self.credential}
        issued: dict[str, Any] = json.loads(self._call("POST", paths.KEYS, body, fields))
        return str(issued["credential"])

    def allowed_total(self) -> int:
        """Return the server's own count of the requests that a bucket allowed, over all workers."""
        return self._metric(RATE_LIMIT_ALLOWED)

    def streams_open(self) -> int:
        """Return how many event streams are open now, over all workers."""
        return self._metric(EVENT_STREAMS_OPEN)

    def on_fallback(self) -> bool:
        """Return whether any worker uses the fallback of the bucket store now."""
        return self._metric(ON_FALLBACK) > 0

    def _metric(self, name: str) -> int:
        """Return the sum of a metric over its labels."""
        values = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", self._call("GET", paths.METRICS), re.MULTILINE)
        return int(sum(map(float, values)))

    def _call(self, method: str, path: str, body: str | None = None, fields: dict[str, str] | None = None) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, fields or {})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if response.status not in (200, 201):
            raise CouldNotMeasure(f"{method} {path} was answered with {response.status}: {text}")
        return text

    def _manage(self, *arguments: str) -> str:
        return self.run("manage.py", *arguments)

    def run(self, *arguments: str) -> str:
        """Run this Python with `arguments` and the settings of this Latchkey; return the output.

        Raise CouldNotMeasure if the command fails.
        """
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**self._environment, "DJANGO_SETTINGS_MODULE": "controlplane.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CouldNotMeasure(f"{' '.join(arguments[:2])} failed: {done.stderr}")
        return done.stdout


@contextmanager
def installation(
    *,
    workers: int,
    store: str | None = None,
    application: str = PRODUCT,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Installation]:
    """Serve a Latchkey while the context lasts, then delete it."""
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        latchkey = Installation(
            Path(directory), workers=workers, store=store, application=application, settings=settings
        )
        with latchkey.serving():
            yield latchkey


def environment(directory: Path, port: int, workers: int) -> dict[str, str]:
    """Return the environment of an installation."""
    # Set everything that decides where data goes and what a request costs, so that neither an `.env` file nor the
    # shell can change it.
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
        # Public, because a scrape with a key would count itself.
        "METRICS_PUBLIC": "true",
        "DEBUG": "false",
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "json",
    }


def probe(module: str, *arguments: object, database: str) -> Any:
    """Run a module in a separate process with separate settings and that database; return its parsed JSON output.

    Raise CouldNotMeasure if it fails.
    """
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        settings = environment(Path(directory), _UNUSED_PORT, 1)
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            env={**settings, "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "controlplane.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise CouldNotMeasure(f"{module} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout)
