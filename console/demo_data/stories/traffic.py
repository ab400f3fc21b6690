"""Stories about traffic: callers that exceed their limits, and an unknown client that tries credentials."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from apikeys.models import UsageStep
from apikeys.usage.steps import step_start
from console.demo_data.demand import BURST_MINUTES, Demand, Rhythm, Surge
from console.demo_data.key_plan import service_key
from console.demo_data.simulation import Simulation
from console.demo_data.timeline import Story
from events.origin import Origin
from health.failure_bursts import QUIET_FOR, record_failure_bursts
from health.guard_rails.traffic import THROTTLING_WINDOW
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore

_ATTEMPTS: Final = 400
_FAILURES: Final = Limit(burst=20, per_seconds=60)
_REPORTED_AFTER: Final = THROTTLING_WINDOW + timedelta(minutes=1)
# From TEST-NET-3, which is reserved for documentation (RFC 5737), so the address can't belong to anyone.
_UNKNOWN_ADDRESS: Final = "203.0.113.77"


def traffic(simulation: Simulation) -> Iterator[Story]:
    """Yield the stories about traffic."""
    yield _hourly_burst(simulation, "stock level poller", "logistics", 60_000)
    yield _hourly_burst(simulation, "sitemap refresh", "storefront", 34_000)
    yield _retry_loop(simulation)
    yield _leaked_secret(simulation)
    yield _credential_guessing(simulation)


def _hourly_burst(simulation: Simulation, label: str, owner: str, per_day: int) -> Story:
    """Play a caller that sends all its requests at the start of each hour, and is throttled then."""
    demand = Demand(per_day, Rhythm.CLOCKWORK, active_minutes=BURST_MINUTES)
    yield simulation.ago(days=166)
    simulation.issue(service_key(label, owner, demand, simulation.end + timedelta(days=80), burst=100), "user:tomasz")


def _retry_loop(simulation: Simulation) -> Story:
    """Play a release that calls without pauses for two hours yesterday, until it is rolled back."""
    begin = step_start(UsageStep.HOUR, simulation.ago(hours=30))
    end = begin + timedelta(hours=2)
    demand = Demand(22_000, Rhythm.SHOPPING, surges=(Surge(begin, end, 52_000),))
    yield simulation.ago(days=240)
    plan = service_key("price watcher", "mobile", demand, simulation.end + timedelta(days=110), burst=300)
    simulation.issue(plan, "user:jonas")
    yield begin + _REPORTED_AFTER
    simulation.run_steward()
    yield end + _REPORTED_AFTER
    simulation.run_steward()


def _leaked_secret(simulation: Simulation) -> Story:
    """Play a leaked secret: its limit is cut, and two hours later it is rotated without a grace period."""
    begin = step_start(UsageStep.HOUR, simulation.ago(days=9))
    end = begin + timedelta(hours=3)
    demand = Demand(5_000, Rhythm.CLOCKWORK, surges=(Surge(begin, end, 190_000),))
    yield simulation.ago(days=273)
    plan = service_key("Wingtip price comparison", "partners", demand, simulation.end + timedelta(days=75), burst=300)
    key = simulation.issue(plan, "user:mara")
    yield begin + _REPORTED_AFTER
    simulation.run_steward()
    yield end
    simulation.keys("user:mara").update(key.key_id, {"rate_limit": {"burst": 60, "per_seconds": 60}})
    yield end + _REPORTED_AFTER
    simulation.run_steward()
    yield end + timedelta(hours=2)
    simulation.keys("user:mara").rotate(key.key_id, {"grace_seconds": 0})


def _credential_guessing(simulation: Simulation) -> Story:
    """Play a client that tries credentials, and then gives up."""
    # A separate store with the simulated clock: the buckets of the installation must not see these attempts.
    limiter = Limiter(MemoryStore(lambda: int(simulation.now.timestamp() * 1e9)))
    yield simulation.ago(days=13, hours=7)
    for _ in range(_ATTEMPTS):
        limiter.take_for_address(_UNKNOWN_ADDRESS, _FAILURES)
    record_failure_bursts(limiter, now=simulation.now, origin=Origin.of_system())
    yield simulation.now + 4 * QUIET_FOR
    record_failure_bursts(limiter, now=simulation.now, origin=Origin.of_system())
    simulation.run_steward()
