"""The metrics of all worker processes, as one."""

import os
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from latchkey import metric_names

OWN: Final = (
    metric_names.RATE_LIMIT_ALLOWED,
    metric_names.RATE_LIMIT_THROTTLED,
    metric_names.AUTH_FAILURES,
    metric_names.EVENTS_EMITTED,
    metric_names.BUCKET_STORE_ERRORS,
    metric_names.KEY_DIRECTORY_LOOKUPS,
)


def registry() -> CollectorRegistry:
    """What to collect from: the files of all workers where several serve, else this process."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry())


def own_totals() -> dict[str, float]:
    """Our own counters by name, summed over labels and workers; 0 for what has not happened."""
    totals = dict.fromkeys(OWN, 0.0)
    for family in registry().collect():
        for sample in family.samples:
            if sample.name in totals:
                totals[sample.name] += sample.value
    return totals
