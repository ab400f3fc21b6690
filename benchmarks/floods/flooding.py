"""Running flood: the attackers run in a separate process, so that they don't slow down the measuring process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.failure import CouldNotMeasure
from benchmarks.floods.flood import Flood
from benchmarks.peer_environment import ROOT


@contextmanager
def flooding(flood: Flood, port: int) -> Iterator[None]:
    """Run the flood; enter the context when its connections are open, and end the flood with the context.

    Raise CouldNotMeasure if the attacker ends before that.
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
