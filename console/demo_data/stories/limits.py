"""Stories about limits: keys without a limit, or with one so high that it hardly limits anything."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.conf import settings

from console.demo_data.demand import Demand, Rhythm
from console.demo_data.key_plan import service_key
from console.demo_data.simulation import Simulation
from console.demo_data.timeline import Story
from ratelimit.limit import MAX_BURST


def limits(simulation: Simulation) -> Iterator[Story]:
    """Yield the stories about limits."""
    yield _limited_after_incident(simulation)
    yield _unlimited(simulation)
    yield _excessive_burst(simulation)


def _limited_after_incident(simulation: Simulation) -> Story:
    """Play a key that is issued without a limit by mistake, and gets one after the incident reveals it."""
    expires_at = simulation.end + timedelta(days=160)
    plan = service_key("campaign landing pages", "storefront", Demand(6_000, Rhythm.SHOPPING), expires_at)
    yield simulation.ago(days=20, hours=5)
    key = simulation.issue(replace(plan, rate_limit=None), "user:jonas")
    yield simulation.ago(days=20, hours=3, minutes=20)
    simulation.keys("user:mara").update(key.key_id, {"rate_limit": {"burst": 300, "per_seconds": 60}})


def _unlimited(simulation: Simulation) -> Story:
    """Play a key that was issued without a limit, and whose incident is still open. Its owner has no plan."""
    expires_at = simulation.end + timedelta(days=45)
    plan = service_key("catalogue bulk import", "storefront", Demand(140_000, Rhythm.CLOCKWORK), expires_at)
    yield simulation.ago(days=3, hours=2)
    simulation.issue(replace(plan, rate_limit=None, scopes=("catalog:read", "catalog:write")), "command:issue_key")


def _excessive_burst(simulation: Simulation) -> Story:
    """Play a limit that is raised for a sale, and restored the day after."""
    expires_at = simulation.end + timedelta(days=95)
    plan = service_key("sale countdown", "mobile", Demand(20_000, Rhythm.SHOPPING), expires_at)
    yield simulation.ago(days=131)
    key = simulation.issue(plan, "user:mara")
    yield simulation.ago(days=16, hours=4)
    # Twice what the guard rail allows, so that it opens an incident whatever the setting is.
    burst = min(settings.GUARD_RAIL_MAX_BURST * 2, MAX_BURST)
    simulation.keys("user:jonas").update(key.key_id, {"rate_limit": {"burst": burst, "per_seconds": 60}})
    yield simulation.ago(days=15, hours=1)
    simulation.keys("user:jonas").update(key.key_id, {"rate_limit": plan.rate_limit})
