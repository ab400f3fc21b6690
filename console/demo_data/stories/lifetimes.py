"""Keys that end soon, ended, never end, or were never used."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from console.demo_data.demand import Demand, Rhythm
from console.demo_data.key_plan import service_key
from console.demo_data.stage import Stage
from console.demo_data.timeline import Story
from health.guard_rails.lifetimes import EXPIRY_IN_VIEW


def lifetimes(stage: Stage) -> Iterator[Story]:
    """The story of each."""
    yield _prolonged(stage)
    yield _trial(stage)
    yield _ending(stage)
    yield _endless(stage)
    yield _unused(stage)


def _prolonged(stage: Stage) -> Story:
    """Its end came into view, and was moved."""
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
    """A key for three days, which ended by itself."""
    end = stage.ago(days=12, hours=3)
    plan = service_key("hackathon team 7", "partners", Demand(900, Rhythm.OFFICE), end, burst=60)
    yield end - timedelta(days=3)
    stage.issue(replace(plan, used_until=end, scopes=("catalog:read",)), "user:tomasz")
    yield end
    stage.steward_round()


def _ending(stage: Stage) -> Story:
    """It ends in five days, and is in full use."""
    end = stage.end + timedelta(days=5)
    yield stage.ago(days=177)
    stage.issue(service_key("courier booking", "logistics", Demand(7_500, Rhythm.OFFICE), end), "user:tomasz")
    yield end - EXPIRY_IN_VIEW
    stage.steward_round()


def _endless(stage: Stage) -> Story:
    """It never ends, and there is leave for that."""
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
    """It was issued for a project that never began."""
    expires_at = stage.end + timedelta(days=65)
    yield stage.ago(days=205)
    stage.issue(service_key("voice assistant pilot", "support", Demand(0), expires_at, burst=60), "user:jonas")
