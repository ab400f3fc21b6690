"""The reader of PromQL finds what the other tests ask it for."""

import pytest

from tests.deploy.promql import names

CASES = {
    'up{job="a"} == 0 or absent(up{job="a"})': ({"up": {"job"}}, set()),
    "rate(a_total[$__rate_interval]) > 1.5e3": ({"a_total": set()}, set()),
    'sum without (x, y) (increase(a{l=~"b|c", m!="d{e}"}[1h] offset 5m)) >= 3': ({"a": {"l", "m"}}, {"x", "y"}),
    "a unless on (job) b": ({"a": set(), "b": set()}, {"job"}),
    "histogram_quantile(0.5, sum by (le) (rate(a_bucket[5m])))": ({"a_bucket": set()}, {"le"}),
    "job:a:rate5m + 10m": ({"job:a:rate5m": set()}, set()),
}


@pytest.mark.parametrize("expression", CASES)
def test_names(expression: str) -> None:
    found = names(expression)
    assert ({metric: set(labels) for metric, labels in found.selectors}, set(found.grouping)) == CASES[expression]
