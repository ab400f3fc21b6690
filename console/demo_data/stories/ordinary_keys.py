"""Ordinary keys: the bulk of the demo's keys, generated for all teams, with at most one change after their issue."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count, islice, product, zip_longest
from random import Random
from typing import Final

from console.demo_data.demand import Demand
from console.demo_data.key_plan import KeyPlan, Limit
from console.demo_data.stage import Stage
from console.demo_data.teams import PEOPLE, TEAMS, Team
from console.demo_data.timeline import Story

OLDEST_DAYS: Final = 345
_ENVIRONMENTS: Final = ("production", "staging", "test")
_LIMITS: Final = ((60, 60), (120, 60), (300, 60), (600, 60), (1000, 60), (3000, 60), (10_000, 60))
_ROOMY: Final = 6
_ENDS: Final = (
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


def ordinary_keys(stage: Stage, number: int) -> Iterator[Story]:
    """Yield the stories of `number` keys, taking the teams in turn."""
    rng = stage.rng("ordinary keys")
    for index, (team, label) in enumerate(islice(_labels(rng), number)):
        # A key that changes must be older than its change, which lies at most 90 days back: see `_life`.
        days_ago = rng.randint(100, OLDEST_DAYS) if _ENDS[index % len(_ENDS)] else rng.randint(4, OLDEST_DAYS)
        plan = _plan(stage, team, label, rng)
        yield _life(stage, plan, days_ago, _ENDS[index % len(_ENDS)], stage.rng(f"life {index}"))


def _labels(rng: Random) -> Iterator[tuple[Team, str]]:
    """Yield an endless sequence of teams with labels, in which no pair repeats."""
    for lap in count(1):
        suffix = f" {lap}" if lap > 1 else ""
        drawn = [[(team, f"{label}{suffix}") for label in _drawn(team, rng)] for team in TEAMS]
        for row in zip_longest(*drawn):
            yield from (found for found in row if found is not None)


def _drawn(team: Team, rng: Random) -> list[str]:
    """Return all pairs of the team's services and environments as labels, in random order, production mostly first."""
    lots = {
        f"{service}, {environment}": rng.random() + _ENVIRONMENTS.index(environment) / 3
        for service, environment in product(team.services, _ENVIRONMENTS)
    }
    return sorted(lots, key=lots.__getitem__)


def _plan(stage: Stage, team: Team, label: str, rng: Random) -> KeyPlan:
    environment = next(name for name in _ENVIRONMENTS if name in label)
    busy = team.busy if environment == "production" else team.busy / 20
    per_day = int(busy * rng.uniform(0.02, 1) ** 2) + 20
    return KeyPlan(
        label=label,
        owner=team.name,
        scopes=tuple(sorted(rng.sample(team.scopes, rng.randint(1, len(team.scopes))))),
        rate_limit=_limit(per_day),
        expires_at=stage.end + timedelta(days=rng.randint(30, 360)),
        demand=Demand(per_day, team.rhythm),
        metadata={"environment": environment, "ticket": f"{team.project}-{rng.randint(100, 4000)}"},
    )


def _limit(per_day: int) -> Limit:
    """Return the smallest common limit that is at least six times the average rate, or the largest one."""
    per_minute = per_day / 24 / 60 * _ROOMY
    burst, per_seconds = next((limit for limit in _LIMITS if limit[0] >= per_minute), _LIMITS[-1])
    return {"burst": burst, "per_seconds": per_seconds}


def _life(stage: Stage, plan: KeyPlan, days_ago: int, end: str, rng: Random) -> Story:
    """Play a key from its issue to the change that `end` names, if any."""
    moment = stage.at_work(rng.randint(45 if end == "expired" else 3, 90), rng)
    if end in ("disabled", "revoked", "expired"):
        plan = replace(plan, used_until=moment)
    if end == "expired":
        plan = replace(plan, expires_at=moment)
    yield stage.at_work(days_ago, rng)
    key_id = stage.issue(plan, rng.choice(PEOPLE)).key_id
    if not end:
        return
    yield moment
    if end == "expired":
        stage.steward_round()
    else:
        yield from _turn(stage, key_id, plan, end, rng)


def _turn(stage: Stage, key_id: str, plan: KeyPlan, end: str, rng: Random) -> Story:
    """Play the change that `end` names, starting at the current time."""
    # The last of PEOPLE is the command that issues keys, which changes none.
    keys = stage.keys(rng.choice(PEOPLE[:-1]))
    if end == "rotated":
        keys.rotate(key_id, {"grace_seconds": 2 * 86_400})
        yield stage.now + timedelta(hours=rng.uniform(20, 44))
        keys.finish_rotation(key_id)
    elif end == "limited":
        limit = plan.rate_limit or {}
        keys.update(key_id, {"rate_limit": {**limit, "burst": limit["burst"] * 2}})
    elif end == "renamed":
        keys.update(key_id, {"label": f"{plan.label} (moved)", "metadata": {**plan.metadata, "cluster": "eu-2"}})
    elif end == "disabled":
        keys.update(key_id, {"enabled": False})
    else:
        keys.revoke(key_id)
