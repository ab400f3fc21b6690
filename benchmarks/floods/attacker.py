"""Command `python -m benchmarks.floods.attacker NAME CONNECTIONS PER_SECOND PORT`.

It runs the flood NAME against that port of 127.0.0.1. It prints a line when its connections are open, and ends when
its standard input ends.
"""

import resource
import sys
from dataclasses import replace

from benchmarks.floods.attack import Attack
from benchmarks.floods.kinds import FLOODS


def main(name: str, connections: int, per_second: int, port: int) -> None:
    """Run the attack."""
    # Raise the soft limit of descriptors to the hard one, because every connection needs a descriptor.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    flood = next(flood for flood in FLOODS if flood.name == name)
    attack = Attack(replace(flood, connections=connections, per_second=per_second), port)
    attack.run(lambda: print("on", flush=True), sys.stdin.fileno())


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
