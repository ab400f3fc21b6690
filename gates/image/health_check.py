"""The gate that the image's health check holds where it should, and nowhere else."""

import json
from collections.abc import Iterator
from typing import Final

from gates.image.commands import ImageError
from gates.image.container import Container, Start, containers
from gates.image.shipped import Shipped
from gates.verdict import Verdict, judged

COLD_START_SECONDS: Final = 5.0
LOOKS: Final = 25
_PROCESSOR_SECONDS: Final = """
import os, pathlib
fields = [stat.read_text().rpartition(")")[2].split() for stat in pathlib.Path("/proc").glob("[0-9]*/stat")]
print(sum(int(ticks) for of_one in fields for ticks in of_one[11:15]) / os.sysconf("SC_CLK_TCK"))
"""
_ANSWERS: Final = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"
_OVERWRITE = "import os; size = os.path.getsize(p := '/data/latchkey.sqlite3'); open(p, 'r+b').write(os.urandom(size))"
_FORGET_LOG = "import pathlib; [p.unlink() for p in pathlib.Path('/data').glob('latchkey.sqlite3-*')]"


def health_check(image: Shipped) -> Verdict:
    """It holds on a server that serves, and fails on a sleeping one, with a revoked key, and without a database."""
    with containers(image.engine) as start:
        seconds: list[float] = []
        found = list(_faults(image.image, start, seconds))
    return judged(found, f"healthy after {min(seconds):.1f} s; asleep, revoked and without its database it is not")


def _faults(image: str, start: Start, seconds: list[float]) -> Iterator[str]:
    serving = start(image)
    seconds.append(serving.await_health())
    try:
        serving.python(_ANSWERS)
    except ImageError:
        yield "holds before the server serves"
        return
    busy = float(serving.python(_PROCESSOR_SECONDS))
    if seconds[0] > COLD_START_SECONDS:
        # The first start also reads files from the disk, and other work can only slow one down: the faster counts.
        seconds.append(start(image).await_health())
    if min(seconds) > COLD_START_SECONDS:
        yield f"healthy only after {min(seconds):.1f} s, the faster of two starts; {busy:.1f} s of a processor"
    asleep = start(image, options=["--entrypoint", "sleep"], command=["60"])
    if asleep.healthy():
        yield "holds on a container that sleeps"
    (key,) = [key for key in serving.manage("list_keys")["items"] if key["owner"] == "latchkey"]
    if key["scopes"] != ["health:read"]:
        yield f"its key has the scopes {key['scopes']}"
    serving.execute("python", "manage.py", "revoke_key", key["key_id"], "--yes")
    if serving.healthy():
        yield "holds with a revoked key"
    yield from _without_database(start(image))


def _without_database(container: Container) -> Iterator[str]:
    container.await_health()
    container.python(_OVERWRITE)
    container.python(_FORGET_LOG)
    # A connection that is open still has pages of the file in memory; requests soon ask for others.
    if all(container.healthy() for _ in range(LOOKS)):
        yield "holds without a database"


def secrets_of(container: Container) -> list[str]:
    """The secrets that the container made at its first start."""
    told = container.execute("cat", "/data/first-start.txt").split()
    check = json.loads(container.execute("cat", "/dev/shm/latchkey/health-check"))["credential"]  # noqa: S108 - is read
    first = told[told.index("key") + 1]
    return [told[told.index("Password") + 1], first.partition(":")[2], check.partition(":")[2]]
