"""Stories about current rotations: one nearly drained, one near its end with the old secret in use, one just begun."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from apikeys.models import APIKey, UsageMark
from console.demo_data.demand import Demand, Rhythm
from console.demo_data.key_plan import KeyPlan, service_key
from console.demo_data.simulation import Simulation
from console.demo_data.timeline import Story


def rotations(simulation: Simulation) -> Iterator[Story]:
    """Yield the stories about rotations."""
    yield _nearly_drained(simulation)
    yield _still_in_use(simulation)
    yield _just_begun(simulation)


def _nearly_drained(simulation: Simulation) -> Story:
    """Play a rotation that is nearly drained: the last caller of the old secret changed over 26 hours ago."""
    yield simulation.ago(days=212, hours=3)
    key = simulation.issue(_plan(simulation, "order events relay", "storefront", 18_000), "user:priya")
    yield simulation.ago(days=5, hours=4)
    simulation.keys("user:priya").rotate(key.key_id, {"grace_seconds": 7 * 86_400})
    yield simulation.ago(hours=26)
    _use_old_secret(key, simulation.now)


def _still_in_use(simulation: Simulation) -> Story:
    """Play a rotation whose old secret is still in use and expires in 18 hours, which opens an incident."""
    yield simulation.ago(days=301, hours=6)
    key = simulation.issue(_plan(simulation, "warehouse gateway", "logistics", 9_000), "user:tomasz")
    yield simulation.ago(days=6, hours=6)
    simulation.keys("user:tomasz").rotate(key.key_id, {"grace_seconds": 7 * 86_400})
    yield simulation.ago(hours=5, minutes=52)
    _use_old_secret(key, simulation.now)
    simulation.run_steward()
    yield simulation.ago(minutes=4)
    _use_old_secret(key, simulation.now)


def _just_begun(simulation: Simulation) -> Story:
    """Play a rotation that began 40 minutes ago: only the old secret is in use."""
    yield simulation.ago(days=150, hours=2)
    key = simulation.issue(_plan(simulation, "session service", "mobile", 30_000), "user:jonas")
    yield simulation.ago(minutes=40)
    simulation.keys("user:jonas").rotate(key.key_id, {"grace_seconds": 86_400})
    UsageMark.objects.filter(key=key).update(used_1_at=None)
    yield simulation.ago(minutes=1)
    _use_old_secret(key, simulation.now)


def _plan(simulation: Simulation, label: str, owner: str, per_day: int) -> KeyPlan:
    return service_key(label, owner, Demand(per_day, Rhythm.CLOCKWORK), simulation.end + timedelta(days=140))


def _use_old_secret(key: APIKey, at: datetime) -> None:
    """Use the retiring secret, which is in slot 0."""
    UsageMark.objects.filter(key=key).update(used_0_at=at)
