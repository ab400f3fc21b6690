"""Every expression of the kit names what a real server tells, and every panel shows something."""

import re
from collections import defaultdict

import httpx
import pytest

from latchkey import metric_names
from tests.deploy import kit
from tests.deploy.promql import names
from tests.deploy.running_prometheus import RunningPrometheus, eventually
from tests.support.server import RunningServer

pytestmark = [
    pytest.mark.needs("prometheus"),
    pytest.mark.slow("runs Prometheus"),
    pytest.mark.storeless("metrics and rules"),
]

Labels = dict[str, set[str]]

# What the fixture makes happen, and what a scrape has only if the database answered in time.
HAPPENED = {
    metric_names.AUTH_FAILURES,
    metric_names.EVENTS_EMITTED,
    metric_names.GUARD_RAIL_VIOLATIONS,
    metric_names.HEALTH_DEGRADED,
    metric_names.LAST_BACKUP,
}


@pytest.fixture(scope="module")
def known(server: RunningServer, prometheus: RunningPrometheus, root: dict[str, str]) -> Labels:
    """The labels of each metric that Prometheus has of a server on which each of ours has happened."""
    httpx.get(f"{server.url}/v1/whoami", headers={"X-API-Key": "nonsense"})
    httpx.post(f"{server.url}/v1/keys", headers=root, json={"label": "told"}).raise_for_status()

    def labels() -> Labels | None:
        found: Labels = defaultdict(set)
        for series in prometheus.ask("series", **{"match[]": '{job="latchkey"}'}):
            found[series["__name__"]] |= set(series)
        return found if found.keys() >= HAPPENED else None

    return eventually(labels, "what happened was scraped")


@pytest.mark.parametrize("expression", kit.expressions())
def test_names_are_known(known: Labels, expression: str) -> None:
    found = names(expression)
    assert found.metrics <= known.keys()
    for metric, labels in found.selectors:
        assert labels | found.grouping <= known[metric], metric


@pytest.mark.parametrize(("title", "expression", "legend"), kit.queries())
def test_panel_shows_something(
    known: Labels, prometheus: RunningPrometheus, title: str, expression: str, legend: str
) -> None:
    query = expression.replace("$__rate_interval", "1m")
    shown = eventually(lambda: prometheus.ask("query", query=query)["result"], f"{title} shows something")
    assert all(set(re.findall(r"{{(\w+)}}", legend)) == set(series["metric"]) for series in shown)
