"""Stories about plans: two plans, the owners that have them, and an override."""

from collections.abc import Iterator
from datetime import timedelta

from console.demo_data.simulation import Simulation
from console.demo_data.timeline import Story
from latchkey.timestamps import rfc3339

STANDARD = [
    {"name": "per_second", "rate": {"burst": 200, "per_seconds": 1}},
    {"name": "monthly", "shared": "owner", "quota": {"quota": 3_000_000, "per": "month"}},
]
METERED = [
    {"name": "monthly", "shared": "owner", "mode": "observe", "quota": {"quota": 2_000_000, "per": "month"}},
    {"name": "tokens", "unit": "tokens", "quota": {"quota": 2_000_000, "per": "day"}},
]
OWNERS = (
    {"name": "logistics", "display_name": "Logistics", "contacts": ["logistics@example.com"], "plan": "standard"},
    {"name": "payments", "display_name": "Payments", "contacts": ["payments@example.com"], "plan": "standard"},
    {"name": "mobile", "display_name": "Mobile apps", "contacts": ["mobile@example.com"], "plan": "metered"},
)


def plans(simulation: Simulation) -> Iterator[Story]:
    """Yield the story about plans."""
    yield _plans(simulation)


def _plans(simulation: Simulation) -> Story:
    """Play the introduction of plans for three teams, and more requests for one of them before a sale."""
    yield simulation.ago(days=75, hours=3)
    policies = simulation.policies("user:mara")
    policies.create_plan({"name": "standard", "limits": STANDARD})
    policies.create_plan({"name": "metered", "limits": METERED})
    for owner in OWNERS:
        policies.create_owner(owner)
    yield simulation.ago(days=4, hours=6)
    until = rfc3339(simulation.end + timedelta(days=26))
    override = {"owner": "payments", "limit": "monthly", "quota": 5_000_000, "until": until, "reason": "autumn sale"}
    simulation.policies("user:jonas").grant_override(override)
