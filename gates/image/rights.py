"""The gate on the rights that a running container has."""

import re
from collections.abc import Iterator
from typing import Final

from gates.image.commands import ImageError
from gates.image.container import SHARED, WRITABLE, Container, containers
from gates.image.contents import USER
from gates.image.shipped import Shipped
from gates.verdict import Verdict, judged

_NONE: Final = {"CapEff": "0" * 16, "CapPrm": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
# On a root that cannot be written, what could be is what is mounted; files of /proc have rights of their own.
_MOUNTED: Final = """
import os
for place in sorted({line.split()[1] for line in open("/proc/self/mounts")}):
    if not place.startswith("/proc/") and os.access(place, os.W_OK):
        print(place)
"""
_EXPECTED: Final = frozenset((WRITABLE, SHARED, "/dev/mqueue"))


def rights(image: Shipped) -> Verdict:
    """It runs as nobody in particular, without capabilities, and can write its data alone."""
    with containers(image.engine) as start:
        container = start(image.image, options=["--entrypoint", "sleep"], command=["60"])
        return judged(list(_faults(container)), f"user {USER}, no capability, no new privileges, seccomp, one volume")


def _faults(container: Container) -> Iterator[str]:
    told = dict(re.findall(r"^(\w+):\s+(.*)$", container.execute("cat", "/proc/1/status"), re.MULTILINE))
    for uid in told["Uid"].split() + told["Gid"].split():
        if uid != str(USER):
            yield f"process 1 runs as {uid}"
            break
    yield from (f"{name} is {told.get(name)}" for name, value in _NONE.items() if told.get(name) != value)
    yield from (f"{path} can be written" for path in container.python(_MOUNTED).split() if path not in _EXPECTED)
    try:
        container.execute("touch", "/opt/latchkey/app/file")
        yield "the root file system can be written"
    except ImageError:
        pass
