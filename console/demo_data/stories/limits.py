"""Stories about limits: keys without a limit, or with one so high that it hardly limits anything."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.conf import settings

from console.demo_data.demand import Demand, Rhythm
from console.demo_data.key_plan import service_key
from console.demo_data.stage import Stage
from console.demo_data.timeline import Story
from ratelimit.limit import MAX_BURST


def limits(stage: Stage) -> Iterator[Story]:
    """Yield the stories about limits."""
    yield _soon_limited(stage)
    yield _unlimited(stage)
    yield _excessive(stage)


def _soon_limited(stage: Stage) -> Story:
    """Play a key that is issued without a limit by mistake, and gets one after the incident reveals it."""
    expires_at = stage.end + timedelta(days=160)
    plan = service_key("campaign landing pages", "storefront", Demand(6_000, Rhythm.SHOPPING), expires_at)
    yield stage.ago(days=20, hours=5)
    key = stage.issue(replace(plan, rate_limit=None), "user:jonas")
    yield stage.ago(days=20, hours=3, minutes=20)
    stage.keys("user:mara").update(key.key_id, {"rate_limit": {"burst": 300, "per_seconds": 60}})


def _unlimited(stage: Stage) -> Story:
    """Play a key that was issued without a limit, and whose incident is still open."""
    expires_at = stage.end + timedelta(days=45)
    plan = service_key("catalogue bulk import", "partners", Demand(140_000, Rhythm.CLOCKWORK), expires_at)
    yield stage.ago(days=3, hours=2)
    stage.issue(replace(plan, rate_limit=None, scopes=("catalog:read", "catalog:write")), "command:issue_key")


def _excessive(stage: Stage) -> Story:
    """Play a limit that is raised for a sale, and restored the day after."""
    expires_at = stage.end + timedelta(days=95)
    plan = service_key("sale countdown", "mobile", Demand(20_000, Rhythm.SHOPPING), expires_at)
    yield stage.ago(days=131)
    key = stage.issue(plan, "user:mara")
    yield stage.ago(days=16, hours=4)
    # Twice what the guard rail allows, so that it opens an incident whatever the setting is.
    burst = min(settings.GUARD_RAIL_MAX_BURST * 2, MAX_BURST)
    stage.keys("user:jonas").update(key.key_id, {"rate_limit": {"burst": burst, "per_seconds": 60}})
    yield stage.ago(days=15, hours=1)
    stage.keys("user:jonas").update(key.key_id, {"rate_limit": plan.rate_limit})
