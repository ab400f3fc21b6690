"""Stories about current rotations: one nearly drained, one near its end with the old secret in use, one just begun."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from apikeys.models import APIKey, KeySecret, SecretState
from console.demo_data.demand import Demand, Rhythm
from console.demo_data.key_plan import KeyPlan, service_key
from console.demo_data.stage import Stage
from console.demo_data.timeline import Story


def rotations(stage: Stage) -> Iterator[Story]:
    """Yield the stories about rotations."""
    yield _nearly_drained(stage)
    yield _still_in_use(stage)
    yield _just_begun(stage)


def _nearly_drained(stage: Stage) -> Story:
    """Play a rotation that is nearly drained: the last caller of the old secret changed over 26 hours ago."""
    yield stage.ago(days=212, hours=3)
    key = stage.issue(_plan(stage, "order events relay", "storefront", 18_000), "user:priya")
    yield stage.ago(days=5, hours=4)
    stage.keys("user:priya").rotate(key.key_id, {"grace_seconds": 7 * 86_400})
    yield stage.ago(hours=26)
    _use_old_secret(key, stage.now)


def _still_in_use(stage: Stage) -> Story:
    """Play a rotation whose old secret is still in use and expires in 18 hours, which opens an incident."""
    yield stage.ago(days=301, hours=6)
    key = stage.issue(_plan(stage, "warehouse gateway", "logistics", 9_000), "user:tomasz")
    yield stage.ago(days=6, hours=6)
    stage.keys("user:tomasz").rotate(key.key_id, {"grace_seconds": 7 * 86_400})
    yield stage.ago(hours=5, minutes=52)
    _use_old_secret(key, stage.now)
    stage.steward_round()
    yield stage.ago(minutes=4)
    _use_old_secret(key, stage.now)


def _just_begun(stage: Stage) -> Story:
    """Play a rotation that began 40 minutes ago: only the old secret is in use."""
    yield stage.ago(days=150, hours=2)
    key = stage.issue(_plan(stage, "session service", "mobile", 30_000), "user:jonas")
    yield stage.ago(minutes=40)
    stage.keys("user:jonas").rotate(key.key_id, {"grace_seconds": 86_400})
    yield stage.ago(minutes=1)
    _use_old_secret(key, stage.now)


def _plan(stage: Stage, label: str, owner: str, per_day: int) -> KeyPlan:
    return service_key(label, owner, Demand(per_day, Rhythm.CLOCKWORK), stage.end + timedelta(days=140))


def _use_old_secret(key: APIKey, at: datetime) -> None:
    KeySecret.objects.filter(key=key, state=SecretState.RETIRING).update(last_used_at=at)
