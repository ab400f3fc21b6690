"""The image's health check passes on a server that works, and on nothing else."""

from collections.abc import Iterator

import pytest

from deploy.image.commands import ImageError
from tests.release.image.container import Start, containers, sleeping
from tests.release.image.image import Image

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]

CHECKS_WITHOUT_DATABASE = 25
REQUEST = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"
DESTROY_DATABASE = """
import os, pathlib
with open("/data/latchkey.sqlite3", "r+b") as file:
    file.write(os.urandom(os.path.getsize(file.name)))
for log in pathlib.Path("/data").glob("latchkey.sqlite3-*"):
    log.unlink()
"""


def problems(start: Start) -> Iterator[str]:
    serving = start()
    serving.await_health()
    try:
        serving.python(REQUEST)
    except ImageError:
        yield "passes before the server responds"
        return
    if sleeping(start).healthy():
        yield "passes on a container that only sleeps"
    (key,) = [key for key in serving.manage("list_keys")["items"] if key["owner"] == "latchkey"]
    if key["scopes"] != ["health:read"]:
        yield f"its key has the scopes {key['scopes']}"
    serving.execute("python", "manage.py", "revoke_key", key["key_id"], "--yes")
    if serving.healthy():
        yield "passes with a revoked key"
    damaged = start()
    damaged.await_health()
    damaged.python(DESTROY_DATABASE)
    # An open connection still has pages of the file in memory; requests soon need others.
    if all(damaged.healthy() for _ in range(CHECKS_WITHOUT_DATABASE)):
        yield "passes without a database"


def test_health_check(start: Start) -> None:
    assert list(problems(start)) == []


def test_health_check_that_always_passes_is_found(image: Image) -> None:
    with containers(image.engine, image.name, "--health-cmd", "true") as start:
        assert list(problems(start)) == ["passes before the server responds"]
