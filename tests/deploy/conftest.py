"""A server and a Prometheus that scrapes it, for the tests of a module."""

from collections.abc import Callable, Iterator

import pytest

from tests.deploy.running_prometheus import RunningPrometheus
from tests.support.server import RunningServer, issue

StartPrometheus = Callable[[str], RunningPrometheus]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[RunningServer]:
    """A server with 2 workers that may send webhooks to this machine."""
    running = RunningServer(
        tmp_path_factory.mktemp("server"), workers=2, settings={"WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
    )
    running.migrate()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def start_prometheus(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPrometheus]:
    """Starts Prometheus with a key of the given scope."""
    started: list[RunningPrometheus] = []

    def start(scope: str) -> RunningPrometheus:
        credential = issue(server, "--label", "prometheus", "--scope", scope)["credential"]
        prometheus = RunningPrometheus(tmp_path_factory.mktemp("prometheus"), server, credential)
        prometheus.start()
        started.append(prometheus)
        return prometheus

    yield start
    for prometheus in started:
        prometheus.stop()


@pytest.fixture(scope="module")
def prometheus(start_prometheus: StartPrometheus) -> RunningPrometheus:
    """A Prometheus whose key may do nothing but read metrics."""
    return start_prometheus("metrics:read")


@pytest.fixture(scope="module")
def root(server: RunningServer) -> dict[str, str]:
    """The header of a key that may do everything."""
    issued = issue(server, "--label", "root", "--scope", "*", "--burst", "1000", "--per-seconds", "1")
    return {"X-API-Key": issued["credential"]}
