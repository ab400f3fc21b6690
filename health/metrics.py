"""Metrics of all processes as one, and those that come from the database."""

import os
from collections.abc import Iterable
from typing import Final

from django.db import DatabaseError
from django.db.models import Count
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apikeys.cache.key_cache import default_key_cache
from health.guard_rails import BY_NAME, GUARD_RAILS
from health.last_backup import last_backup
from health.local_health import degraded_names
from health.models import Incident
from health.served_since import served_since
from latchkey import metric_names

SUMMED_METRICS: Final = (
    metric_names.RATE_LIMIT_ALLOWED,
    metric_names.RATE_LIMIT_THROTTLED,
    metric_names.PLAN_LIMIT_REFUSALS,
    metric_names.AUTH_FAILURES,
    metric_names.EVENTS_EMITTED,
    metric_names.BUCKET_STORE_ERRORS,
    metric_names.FALLBACK_DECISIONS,
    metric_names.ON_FALLBACK,
    metric_names.KEY_DIRECTORY_LOOKUPS,
    metric_names.GUARD_RAIL_VIOLATIONS,
    metric_names.HEALTH_DEGRADED,
    metric_names.WEBHOOK_DELIVERIES,
    metric_names.HTTP_RESPONSES,
)


class _ProcessCollector(Collector):
    """Metrics of this process, if it serves alone."""

    def collect(self) -> Iterable[Metric]:
        return REGISTRY.collect()


class StartTimeCollector(Collector):
    """Start time of the server, under the name that every process that exports metrics uses for it."""

    def collect(self) -> Iterable[Metric]:
        if since := served_since():
            yield GaugeMetricFamily(
                metric_names.START_TIME, "Unix time at which the server started.", value=since.timestamp()
            )


class _DatabaseCollector(Collector):
    """Metrics that are the same in every process, command and host. There are none while the database is down."""

    def collect(self) -> Iterable[Metric]:
        if default_key_cache().database_is_down:
            # The pool would make a scrape wait for a connection.
            return ()
        try:
            return self._violations(), self._degraded(), self._last_backup()
        except DatabaseError:
            return ()

    def _violations(self) -> Metric:
        counted = Incident.objects.values_list("guard_rail").annotate(count=Count("pk")).order_by()
        # Each series exists from the start, so that its first increase is visible.
        counts = {**dict.fromkeys(BY_NAME, 0), **dict(counted)}
        name = metric_names.GUARD_RAIL_VIOLATIONS.removesuffix("_total")
        family = CounterMetricFamily(name, "Incidents opened, by guard rail.", labels=["guard_rail"])
        for guard_rail, count in counts.items():
            family.add_metric([guard_rail], count)
        return family

    def _degraded(self) -> Metric:
        names = degraded_names()
        family = GaugeMetricFamily(
            metric_names.HEALTH_DEGRADED, "1 while an incident is open that degrades health.", labels=["component"]
        )
        for rail in GUARD_RAILS:
            if rail.severity.degrades:
                family.add_metric([rail.name], float(rail.name in names))
        return family

    def _last_backup(self) -> Metric:
        made_at = last_backup()
        return GaugeMetricFamily(
            metric_names.LAST_BACKUP,
            "Unix time of the state in the newest good backup; 0 if none is known.",
            value=made_at.timestamp() if made_at else 0.0,
        )


def registry() -> CollectorRegistry:
    """Return what to collect metrics from.

    These are the files of all processes if several serve, otherwise this process; and the database.
    """
    combined = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(combined)  # type: ignore[no-untyped-call]
        combined.register(StartTimeCollector())
    else:
        combined.register(_ProcessCollector())
    combined.register(_DatabaseCollector())
    return combined


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(registry())


def metric_totals() -> dict[str, float]:
    """Return our own metrics by name, summed over labels and processes; 0 for what hasn't happened."""
    totals = dict.fromkeys(SUMMED_METRICS, 0.0)
    for family in registry().collect():
        for sample in family.samples:
            if sample.name in totals:
                totals[sample.name] += sample.value
    return totals
