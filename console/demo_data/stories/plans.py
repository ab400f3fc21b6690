"""Stories about plans: owners with quotas that their keys share, one of them near its end, and a trial key."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from apikeys.models import Owner, QuotaUse
from apikeys.policies.effective import EffectiveLimit
from apikeys.policies.lookup import limits_of_stored_key, limits_of_stored_owner
from apikeys.policies.quota_upkeep import percentage_reached
from console.demo_data.demand import Demand, Rhythm
from console.demo_data.key_plan import service_key
from console.demo_data.simulation import Simulation
from console.demo_data.timeline import Story
from latchkey.timestamps import rfc3339

_PER_SECOND: Final = {"name": "per_second", "rate": {"burst": 100, "per_seconds": 1}}
_BERLIN: Final = {"per": "month", "timezone": "Europe/Berlin"}
_PLANS: Final = {
    "internal": [
        _PER_SECOND,
        {"name": "daily_exports", "unit": "exports", "mode": "observe", "quota": {"quota": 200, "per": "day"}},
    ],
    "partner": [
        {"name": "per_second", "rate": {"burst": 20, "per_seconds": 1}},
        {"name": "monthly", "shared": "owner", "quota": {"quota": 2_000_000, **_BERLIN}},
        {"name": "daily_tokens", "shared": "owner", "unit": "tokens", "quota": {"quota": 5_000_000, "per": "day"}},
    ],
    "trial": [{"name": "credits", "quota": {"quota": 10_000, "per": "once"}}],
}
_OWNERS: Final = {
    "partners": ("Partner program", "partner", ["partners@example.com"]),
    "mobile": ("Mobile apps", "internal", ["mobile@example.com", "#mobile-on-call"]),
    "analytics": ("", "internal", []),
    "newcomers": ("Newcomers", None, []),
}
_USED: Final = {"monthly": 2_486_310, "daily_tokens": 1_204_877, "credits": 9_120}


def plans(simulation: Simulation) -> Iterator[Story]:
    """Yield the stories about plans."""
    yield _owners(simulation)
    yield _trial(simulation)


def _owners(simulation: Simulation) -> Story:
    """Play plans that are given to owners, one of which gets more for a while."""
    yield simulation.ago(days=74, hours=2)
    policies = simulation.policies("user:mara")
    for name, limits in _PLANS.items():
        policies.create_plan({"name": name, "limits": limits})
    for name, (display_name, plan, contacts) in _OWNERS.items():
        policies.create_owner({"name": name, "display_name": display_name, "plan": plan, "contacts": contacts})
    yield simulation.ago(days=6, hours=4)
    until = rfc3339(simulation.end + timedelta(days=24))
    override = {"owner": "partners", "limit": "monthly", "quota": 3_000_000, "until": until}
    override |= {"reason": "launch of the spring catalog"}
    simulation.policies("user:jonas").grant_override(override)
    yield simulation.end
    owner = Owner.objects.get(name="partners")
    _write_use(simulation, limits_of_stored_owner(owner, simulation.now), _USED)


def _trial(simulation: Simulation) -> Story:
    """Play a key with credits that don't come again, most of which are used."""
    demand = Demand(700, Rhythm.OFFICE)
    plan = service_key("trial of Adventure Works", "", demand, simulation.end + timedelta(days=40))
    yield simulation.ago(days=13, hours=3)
    key = simulation.issue(replace(plan, plan="trial"), "user:priya")
    yield simulation.end
    _write_use(simulation, limits_of_stored_key(key, simulation.now), _USED)


def _write_use(simulation: Simulation, limits: tuple[EffectiveLimit, ...], used: Mapping[str, int]) -> None:
    """Write what the database would have of the quotas."""
    now_s = int(simulation.now.timestamp())
    for limit in limits:
        if limit.limit.name in used:
            (term, *_) = limit.terms(now_s)
            QuotaUse.objects.create(
                counter=limit.counter.decode(),
                definition=limit.limit.definition,
                ends_s=term.ends_s,
                used=used[limit.limit.name],
                quota=term.quota,
                told=percentage_reached(used[limit.limit.name], term.quota),
                updated_at=simulation.now,
            )
