"""Two stewards on one database: the second takes over once the lease of the killed one has expired."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.commands import MANAGE
from tests.support.server import RunningServer, issue

pytestmark = pytest.mark.slow("runs several servers")

USE = """
from ratelimit.limiter import default_limiter
for _ in range({times}):
    default_limiter().take({key_id!r}, None, cost=1, epoch=1, slot=0)
"""
WAIT = """
import time
from django.db.models import Sum
from apikeys.models import Usage
from health.models import Lease
def written():
    return Usage.objects.filter(key__key_id={key_id!r}, step="minute").aggregate(n=Sum("allowed"))["n"]
while not (Lease.objects.filter(holder={holder!r}).exists() and written() == {uses}):
    time.sleep(0.05)
"""
# What time does, so that the test does not wait for half a minute.
LAPSE = """
from datetime import timedelta
from django.utils import timezone
from health.models import Lease
Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
"""


@contextmanager
def steward(installation: RunningServer, name: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A steward that runs until it is killed, and at the latest until the end of the block."""
    environment = {**installation.environment, "LATCHKEY_STEWARD": name}
    with (installation.data_dir / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, MANAGE, "steward"], env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def test_second_steward_takes_over(installation: RunningServer) -> None:
    key_id = issue(installation, "--label", "used", "--unlimited")["key_id"]

    def shell(program: str, **values: object) -> None:
        installation.manage("shell", "-v0", "-c", program.format(key_id=key_id, **values))

    shell(USE, times=3)
    with steward(installation, "first") as first:
        shell(WAIT, holder="first", uses=3)
        with steward(installation, "second") as second:
            refused = installation.manage("steward", "--once", check=False)
            assert (refused.returncode, "another steward holds the lease" in refused.stderr) == (3, True)
            first.kill()
            first.wait(30)
            shell(USE, times=2)
            assert installation.manage("steward", "--once", check=False).returncode == 3, "it has not lapsed"
            shell(LAPSE)
            shell(WAIT, holder="second", uses=5)
            assert second.poll() is None
