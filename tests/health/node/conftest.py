"""Fixtures for the tests of a node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ratelimit.stores.fallback_mode import FallbackMode
from tests.conftest import Clock
from tests.health.node.monitored_node import MonitoredNode, StartNode


@pytest.fixture
def start_node(tmp_path: Path, clock: Clock) -> Iterator[StartNode]:
    nodes: list[MonitoredNode] = []

    def start(name: str, mode: FallbackMode = FallbackMode.LOCAL) -> MonitoredNode:
        nodes.append(MonitoredNode(name, tmp_path, clock, mode))
        nodes[-1].check()
        return nodes[-1]

    yield start
    for node in nodes:
        node.store.close()
