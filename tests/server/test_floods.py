"""Each kind of flood: clients that do not attack are still served, and the server's memory stays bounded.

How much later they are served is measured by `make bench`, because a suite that shares its processors can't measure it.
"""

from dataclasses import replace
from typing import Any

import pytest

from tests.server.conftest import StartServer
from tests.support.floods.effect import MEMORY_TIMES, SHARE, measure, memory_times
from tests.support.floods.kinds import FLOODS, Flood
from tests.support.floods.target import STATUSES, Target, few_descriptors
from tests.support.server import issue

pytestmark = pytest.mark.slow("floods a server")

# On a machine that is busy with other tests, a server may have little of the processors.
PER_SECOND = 100


@pytest.fixture(scope="module")
def target(start_server: StartServer) -> Target:
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
def test_flood_stops_no_one_else(flood: Flood, target: Target) -> None:
    if not flood.together:
        flood = replace(flood, per_second=min(PER_SECOND, flood.per_second))
    effect = measure(target, flood, idle_seconds=1, seconds=3)
    assert {path: effect.served(path) for path in STATUSES if effect.served(path) < SHARE} == {}
    assert memory_times([effect]) <= MEMORY_TIMES
