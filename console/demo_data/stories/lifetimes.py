"""Stories about lifetimes: keys that expire soon, have expired, never expire, or were never used."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from console.demo_data.demand import Demand, Rhythm
from console.demo_data.key_plan import service_key
from console.demo_data.simulation import Simulation
from console.demo_data.timeline import Story
from health.guard_rails.lifetimes import EXPIRY_IN_VIEW


def lifetimes(simulation: Simulation) -> Iterator[Story]:
    """Yield the stories about lifetimes."""
    yield _extended_expiry(simulation)
    yield _expired_trial(simulation)
    yield _expiring_soon(simulation)
    yield _never_expires(simulation)
    yield _never_used(simulation)


def _extended_expiry(simulation: Simulation) -> Story:
    """Play a key whose expiry came close, and was then moved."""
    in_view = simulation.ago(days=24, hours=2)
    demand = Demand(2_500, Rhythm.OFFICE)
    yield simulation.ago(days=190)
    key = simulation.issue(service_key("tax report", "payments", demand, in_view + EXPIRY_IN_VIEW), "user:priya")
    yield in_view
    simulation.run_steward()
    yield simulation.ago(days=21, hours=4)
    expires_at = simulation.end + timedelta(days=170)
    simulation.keys("user:priya").update(key.key_id, {"expires_at": expires_at})


def _expired_trial(simulation: Simulation) -> Story:
    """Play a key for three days, which then expires."""
    end = simulation.ago(days=12, hours=3)
    plan = service_key("hackathon team 7", "partners", Demand(900, Rhythm.OFFICE), end, burst=60)
    yield end - timedelta(days=3)
    simulation.issue(replace(plan, used_until=end, scopes=("catalog:read",)), "user:tomasz")
    yield end
    simulation.run_steward()


def _expiring_soon(simulation: Simulation) -> Story:
    """Play a key that expires in five days and is still fully in use."""
    end = simulation.end + timedelta(days=5)
    yield simulation.ago(days=177)
    simulation.issue(service_key("courier booking", "logistics", Demand(7_500, Rhythm.OFFICE), end), "user:tomasz")
    yield end - EXPIRY_IN_VIEW
    simulation.run_steward()


def _never_expires(simulation: Simulation) -> Story:
    """Play a key that never expires, which a waiver allows."""
    demand = Demand(1_440, Rhythm.CLOCKWORK)
    yield simulation.ago(days=120, hours=2)
    key = simulation.issue(service_key("status page probe", "platform", demand, None, burst=60), "user:mara")
    yield simulation.ago(days=119, hours=1)
    values = {
        "guard_rail": "key_without_expiry",
        "key_id": key.key_id,
        "reason": "Probes from outside have to outlive every deployment (OPS-311).",
        "ends_at": simulation.end + timedelta(days=90),
    }
    simulation.waivers("user:mara").grant(values)


def _never_used(simulation: Simulation) -> Story:
    """Play a key that was issued for a project that never started."""
    expires_at = simulation.end + timedelta(days=65)
    yield simulation.ago(days=205)
    simulation.issue(service_key("voice assistant pilot", "support", Demand(0), expires_at, burst=60), "user:jonas")
