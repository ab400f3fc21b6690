"""Stories about traffic: callers that exceed their limits, and an unknown client that tries credentials."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from apikeys.models import UsageStep
from apikeys.usage.rollup import step_start
from console.demo_data.demand import CROWDED_MINUTES, Demand, Rhythm, Surge
from console.demo_data.key_plan import service_key
from console.demo_data.stage import Stage
from console.demo_data.timeline import Story
from events.origin import Origin
from health.failure_bursts import QUIET_FOR, note_failure_bursts
from health.guard_rails.traffic import THROTTLING_WINDOW
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore

_ATTEMPTS: Final = 400
_FAILURES: Final = Limit(burst=20, per_seconds=60)
_SEEN_AFTER: Final = THROTTLING_WINDOW + timedelta(minutes=1)
# From TEST-NET-3, which is reserved for documentation (RFC 5737), so the address can't belong to anyone.
_STRANGER: Final = "203.0.113.77"


def traffic(stage: Stage) -> Iterator[Story]:
    """Yield the stories about traffic."""
    yield _crowd(stage, "stock level poller", "logistics", 60_000)
    yield _crowd(stage, "sitemap refresh", "storefront", 34_000)
    yield _loop(stage)
    yield _abuse(stage)
    yield _stranger(stage)


def _crowd(stage: Stage, label: str, owner: str, per_day: int) -> Story:
    """Play a caller that sends all its requests at the start of each hour, and is throttled then."""
    demand = Demand(per_day, Rhythm.CLOCKWORK, crowd=CROWDED_MINUTES)
    yield stage.ago(days=166)
    stage.issue(service_key(label, owner, demand, stage.end + timedelta(days=80), burst=100), "user:tomasz")


def _loop(stage: Stage) -> Story:
    """Play a release that calls without pauses for two hours yesterday, until it is rolled back."""
    begin = step_start(UsageStep.HOUR, stage.ago(hours=30))
    end = begin + timedelta(hours=2)
    demand = Demand(22_000, Rhythm.SHOPPING, surges=(Surge(begin, end, 52_000),))
    yield stage.ago(days=240)
    plan = service_key("price watcher", "mobile", demand, stage.end + timedelta(days=110), burst=300)
    stage.issue(plan, "user:jonas")
    yield begin + _SEEN_AFTER
    stage.steward_round()
    yield end + _SEEN_AFTER
    stage.steward_round()


def _abuse(stage: Stage) -> Story:
    """Play a leaked secret: its limit is cut, and two hours later it is rotated without a grace period."""
    begin = step_start(UsageStep.HOUR, stage.ago(days=9))
    end = begin + timedelta(hours=3)
    demand = Demand(5_000, Rhythm.CLOCKWORK, surges=(Surge(begin, end, 190_000),))
    yield stage.ago(days=273)
    plan = service_key("Wingtip price comparison", "partners", demand, stage.end + timedelta(days=75), burst=300)
    key = stage.issue(plan, "user:mara")
    yield begin + _SEEN_AFTER
    stage.steward_round()
    yield end
    stage.keys("user:mara").update(key.key_id, {"rate_limit": {"burst": 60, "per_seconds": 60}})
    yield end + _SEEN_AFTER
    stage.steward_round()
    yield end + timedelta(hours=2)
    stage.keys("user:mara").rotate(key.key_id, {"grace_seconds": 0})


def _stranger(stage: Stage) -> Story:
    """Play a client that tries credentials, and then gives up."""
    # A separate store with the clock of the play: the buckets of the installation must not see these attempts.
    limiter = Limiter(MemoryStore(lambda: int(stage.now.timestamp() * 1e9)))
    yield stage.ago(days=13, hours=7)
    for _ in range(_ATTEMPTS):
        limiter.take_for_address(_STRANGER, _FAILURES)
    note_failure_bursts(limiter, now=stage.now, origin=Origin.of_system())
    yield stage.now + 4 * QUIET_FOR
    note_failure_bursts(limiter, now=stage.now, origin=Origin.of_system())
    stage.steward_round()
