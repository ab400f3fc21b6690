"""Effect of floods on clients that do not attack, and on the memory of the server, for each kind of flood.

The bounds are ratios to the server at rest, and to a second one that no flood hits, in the same seconds.
"""

from dataclasses import replace
from typing import Any

import pytest

from tests.server.conftest import StartServer
from tests.support.floods.effect import MEMORY_TIMES, SHARE, Effect, measure, memory_times
from tests.support.floods.kinds import FLOODS, Flood
from tests.support.floods.target import STATUSES, Target, few_descriptors
from tests.support.server import issue

pytestmark = pytest.mark.slow("floods a server")

# On a machine that is busy with other tests, a server may have little of the processors.
PER_SECOND = 100
ATTEMPTS = 2


@pytest.fixture(scope="module")
def target(start_server: StartServer) -> Target:
    return started(start_server)


@pytest.fixture(scope="module")
def twin(start_server: StartServer) -> Target:
    return started(start_server)


def started(start_server: StartServer) -> Target:
    """A server with the descriptors of a plain shell, whose processes have all begun."""
    with few_descriptors():
        server = start_server(workers=2, arguments=("--no-steward",))
    assert server.process is not None
    credential = issue(server, "--label", "known", "--scope", "*", "--burst", "100000", "--per-seconds", "1")
    found = Target(server.port, credential["credential"], server.process.pid)
    found.call(1)
    return found


def parameter(flood: Flood) -> Any:
    marks = [] if "credentials" in flood.name or flood.name == "sign-ins" else [pytest.mark.storeless("connections")]
    return pytest.param(flood, id=flood.name.strip("/"), marks=marks)


@pytest.mark.parametrize("flood", [parameter(flood) for flood in FLOODS])
def test_flood_delays_no_one_else(flood: Flood, target: Target, twin: Target) -> None:
    if not flood.together:
        flood = replace(flood, per_second=min(PER_SECOND, flood.per_second))
    missed: list[str] = []
    for _ in range(ATTEMPTS):
        missed = failing(flood, measure(target, flood, idle_seconds=1, seconds=3, twin=twin))
        if not missed:
            return
    assert not missed


def failing(flood: Flood, effect: Effect) -> list[str]:
    late = [f"{path} in {flood.name}: {effect.share(path):.2f}" for path in STATUSES if effect.share(path) < SHARE]
    times = memory_times([effect])
    return late if times <= MEMORY_TIMES else [*late, f"memory in {flood.name}: {times:.2f}"]
