"""Ordinary keys: the bulk of the demo's keys, generated for all teams, with at most one change after their issue."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count, islice, product, zip_longest
from random import Random
from typing import Final

from console.demo_data.demand import Demand
from console.demo_data.key_plan import KeyPlan, Limit
from console.demo_data.simulation import Simulation
from console.demo_data.teams import PEOPLE, TEAMS, Team
from console.demo_data.timeline import Story

OLDEST_DAYS: Final = 345
_ENVIRONMENTS: Final = ("production", "staging", "test")
_LIMITS: Final = ((60, 60), (120, 60), (300, 60), (600, 60), (1000, 60), (3000, 60), (10_000, 60))
_HEADROOM: Final = 6
_CHANGES: Final = (
    "",
    "",
    "",
    "rotated",
    "",
    "limited",
    "",
    "disabled",
    "rotated",
    "",
    "revoked",
    "",
    "renamed",
    "expired",
)
"""Changes of the keys, assigned in turn. Of every fourteen keys, eleven are still in use at the present."""


def ordinary_keys(simulation: Simulation, number: int) -> Iterator[Story]:
    """Yield the stories of `number` keys, taking the teams in turn."""
    rng = simulation.rng("ordinary keys")
    for index, (team, label) in enumerate(islice(_labels(rng), number)):
        # A key that changes must be older than its change, which lies at most 90 days back: see `_lifecycle`.
        days_ago = rng.randint(100, OLDEST_DAYS) if _CHANGES[index % len(_CHANGES)] else rng.randint(4, OLDEST_DAYS)
        plan = _plan(simulation, team, label, rng)
        yield _lifecycle(simulation, plan, days_ago, _CHANGES[index % len(_CHANGES)], simulation.rng(f"life {index}"))


def _labels(rng: Random) -> Iterator[tuple[Team, str]]:
    """Yield an endless sequence of teams with labels, in which no pair repeats."""
    for lap in count(1):
        suffix = f" {lap}" if lap > 1 else ""
        shuffled = [[(team, f"{label}{suffix}") for label in _shuffled_labels(team, rng)] for team in TEAMS]
        for row in zip_longest(*shuffled):
            yield from (found for found in row if found is not None)


def _shuffled_labels(team: Team, rng: Random) -> list[str]:
    """Return all pairs of the team's services and environments as labels, in random order, production mostly first."""
    weights = {
        f"{service}, {environment}": rng.random() + _ENVIRONMENTS.index(environment) / 3
        for service, environment in product(team.services, _ENVIRONMENTS)
    }
    return sorted(weights, key=weights.__getitem__)


def _plan(simulation: Simulation, team: Team, label: str, rng: Random) -> KeyPlan:
    environment = next(name for name in _ENVIRONMENTS if name in label)
    most = team.max_requests_per_day if environment == "production" else team.max_requests_per_day / 20
    per_day = int(most * rng.uniform(0.02, 1) ** 2) + 20
    return KeyPlan(
        label=label,
        owner=team.name,
        scopes=tuple(sorted(rng.sample(team.scopes, rng.randint(1, len(team.scopes))))),
        rate_limit=_limit(per_day),
        expires_at=simulation.end + timedelta(days=rng.randint(30, 360)),
        demand=Demand(per_day, team.rhythm),
        metadata={"environment": environment, "ticket": f"{team.project}-{rng.randint(100, 4000)}"},
    )


def _limit(per_day: int) -> Limit:
    """Return the smallest common limit that is at least six times the average rate, or the largest one."""
    per_minute = per_day / 24 / 60 * _HEADROOM
    burst, per_seconds = next((limit for limit in _LIMITS if limit[0] >= per_minute), _LIMITS[-1])
    return {"burst": burst, "per_seconds": per_seconds}


def _lifecycle(simulation: Simulation, plan: KeyPlan, days_ago: int, change: str, rng: Random) -> Story:
    """Play a key from its issue to the change that `change` names, if any."""
    moment = simulation.at_work(rng.randint(45 if change == "expired" else 3, 90), rng)
    if change in ("disabled", "revoked", "expired"):
        plan = replace(plan, used_until=moment)
    if change == "expired":
        plan = replace(plan, expires_at=moment)
    yield simulation.at_work(days_ago, rng)
    key_id = simulation.issue(plan, rng.choice(PEOPLE)).key_id
    if not change:
        return
    yield moment
    if change == "expired":
        simulation.run_steward()
    else:
        yield from _change(simulation, key_id, plan, change, rng)


def _change(simulation: Simulation, key_id: str, plan: KeyPlan, change: str, rng: Random) -> Story:
    """Play the change that `change` names, starting at the current time."""
    # The last of PEOPLE is the command that issues keys, which changes none.
    keys = simulation.keys(rng.choice(PEOPLE[:-1]))
    if change == "rotated":
        keys.rotate(key_id, {"grace_seconds": 2 * 86_400})
        yield simulation.now + timedelta(hours=rng.uniform(20, 44))
        keys.finish_rotation(key_id)
    elif change == "limited":
        limit = plan.rate_limit or {}
        keys.update(key_id, {"rate_limit": {**limit, "burst": limit["burst"] * 2}})
    elif change == "renamed":
        keys.update(key_id, {"label": f"{plan.label} (moved)", "metadata": {**plan.metadata, "cluster": "eu-2"}})
    elif change == "disabled":
        keys.update(key_id, {"enabled": False})
    else:
        keys.revoke(key_id)
