"""Stories about lifetimes: keys that expire soon, have expired, never expire, or were never used."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from console.demo_data.demand import Demand, Rhythm
from console.demo_data.key_plan import service_key
from console.demo_data.stage import Stage
from console.demo_data.timeline import Story
from health.guard_rails.lifetimes import EXPIRY_IN_VIEW


def lifetimes(stage: Stage) -> Iterator[Story]:
    """Yield the stories about lifetimes."""
    yield _prolonged(stage)
    yield _trial(stage)
    yield _ending(stage)
    yield _endless(stage)
    yield _unused(stage)


def _prolonged(stage: Stage) -> Story:
    """Play a key whose expiry came close, and was then moved."""
    in_view = stage.ago(days=24, hours=2)
    demand = Demand(2_500, Rhythm.OFFICE)
    yield stage.ago(days=190)
    key = stage.issue(service_key("tax report", "payments", demand, in_view + EXPIRY_IN_VIEW), "user:priya")
    yield in_view
    stage.steward_round()
    yield stage.ago(days=21, hours=4)
    expires_at = stage.end + timedelta(days=170)
    stage.keys("user:priya").update(key.key_id, {"expires_at": expires_at})


def _trial(stage: Stage) -> Story:
    """Play a key for three days, which then expires."""
    end = stage.ago(days=12, hours=3)
    plan = service_key("hackathon team 7", "partners", Demand(900, Rhythm.OFFICE), end, burst=60)
    yield end - timedelta(days=3)
    stage.issue(replace(plan, used_until=end, scopes=("catalog:read",)), "user:tomasz")
    yield end
    stage.steward_round()


def _ending(stage: Stage) -> Story:
    """Play a key that expires in five days and is still fully in use."""
    end = stage.end + timedelta(days=5)
    yield stage.ago(days=177)
    stage.issue(service_key("courier booking", "logistics", Demand(7_500, Rhythm.OFFICE), end), "user:tomasz")
    yield end - EXPIRY_IN_VIEW
    stage.steward_round()


def _endless(stage: Stage) -> Story:
    """Play a key that never expires, which a waiver allows."""
    demand = Demand(1_440, Rhythm.CLOCKWORK)
    yield stage.ago(days=120, hours=2)
    key = stage.issue(service_key("status page probe", "platform", demand, None, burst=60), "user:mara")
    yield stage.ago(days=119, hours=1)
    values = {
        "guard_rail": "key_without_expiry",
        "key_id": key.key_id,
        "reason": "Probes from outside have to outlive every deployment (OPS-311).",
        "ends_at": stage.end + timedelta(days=90),
    }
    stage.waivers("user:mara").grant(values)


def _unused(stage: Stage) -> Story:
    """Play a key that was issued for a project that never started."""
    expires_at = stage.end + timedelta(days=65)
    yield stage.ago(days=205)
    stage.issue(service_key("voice assistant pilot", "support", Demand(0), expires_at, burst=60), "user:jonas")
