"""A flood under way, by attackers in a process of their own, so that they take no time of those who measure."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.failure import CouldNotMeasure
from benchmarks.floods.flood import Flood
from benchmarks.peer_environment import ROOT


@contextmanager
def flooding(flood: Flood, port: int) -> Iterator[None]:
    """Run the flood from when its connections are open until the end of the context.

    Raises CouldNotMeasure if the attacker ends before that.
    """
    arguments = [flood.name, str(flood.connections), str(flood.per_second), str(port)]
    command = [sys.executable, "-m", "benchmarks.floods.attacker", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline():
                yield
            if process.poll() is not None:
                raise CouldNotMeasure(f"The attacker of {flood.name} ended.")
        finally:
            process.kill()
