"""Seeding of the demo installation: plays all stories, then derives the rest of the data from them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apikeys.key_counts import count_keys
from apikeys.models import APIKey, KeySecret, Owner, Plan, SecretState, Usage, UsageMark
from apikeys.usage.retention import prune_usage
from console.demo_data.callers import write_callers
from console.demo_data.simulation import Simulation
from console.demo_data.stories.lifetimes import lifetimes
from console.demo_data.stories.limits import limits
from console.demo_data.stories.ordinary_keys import OLDEST_DAYS, ordinary_keys
from console.demo_data.stories.plans import plans
from console.demo_data.stories.rotations import rotations
from console.demo_data.stories.traffic import traffic
from console.demo_data.stories.webhooks import webhooks
from console.demo_data.timeline import Story, play
from console.demo_data.usage_rows import write_totals
from events.models import Event, WebhookEndpoint
from events.types import EventType
from health.incidents import open_incidents
from health.models import Incident, Waiver

NAMED_KEYS: Final = 16
"""Number of keys with an individual story."""

FEWEST_KEYS: Final = 20
MOST_KEYS: Final = 1000
_DAILY_RUNS_FOR: Final = timedelta(days=35)
_SWITCH_TIME: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class SeedResult:
    """Result of seeding: numbers of rows, the number of keys by state, and the guard rails with an open incident."""

    keys: int
    states: dict[str, int]
    events: int
    usage_rows: int
    incidents: int
    open: tuple[str, ...]


def installation_in_use() -> bool:
    """Return whether the installation is in use: it has a webhook, a waiver, a plan, an owner, or a key other than the
    first start's.
    """
    first_start = Event.objects.filter(type=EventType.KEY_ISSUED, actor="command:first_start")
    others = APIKey.objects.exclude(key_id__in=first_start.values("key_id"))
    return others.exists() or any(model.objects.exists() for model in (WebhookEndpoint, Waiver, Plan, Owner))


def create_demo_data(now: datetime, seed: int, keys: int, on_step: Callable[[datetime], None]) -> SeedResult:
    """Play a year that ends at `now` with `keys` keys (20 to 1000), in one transaction; return what was created.

    `seed` is the seed of all random choices except IDs and secrets. `on_step` is called with the time of each step.
    """
    simulation = Simulation(now, seed)
    with transaction.atomic():
        play(simulation, _stories(simulation, keys), on_step)
        _set_secret_usage_times(now)
        prune_usage(now)
        write_totals()
        write_callers(now, seed)
        states = dict(count_keys(now).counts)
    return SeedResult(
        keys=APIKey.objects.count(),
        states=states,
        events=Event.objects.count(),
        usage_rows=Usage.objects.count(),
        incidents=Incident.objects.count(),
        open=tuple(incident.guard_rail for incident in open_incidents()),
    )


def _stories(simulation: Simulation, keys: int) -> Iterator[Story]:
    # First, because of several steps at one moment, the story that was passed first goes first: see `play`.
    yield _steward(simulation)
    for subject in (plans, limits, lifetimes, rotations, traffic):
        yield from subject(simulation)
    yield from ordinary_keys(simulation, keys - NAMED_KEYS)
    # Last, because at the end of the timeline the webhook marks the events of all other stories as delivered.
    yield from webhooks(simulation)


def _steward(simulation: Simulation) -> Story:
    """Run the steward every week, in the last 35 days every day, and once more at the end."""
    moment = simulation.ago(days=OLDEST_DAYS)
    # Daily runs in the recent past let incidents open and close there on the right day.
    while moment < simulation.end:
        yield moment
        simulation.run_steward()
        moment += timedelta(days=1 if moment >= simulation.end - _DAILY_RUNS_FOR else 7)
    yield simulation.end
    simulation.run_steward()


def _set_secret_usage_times(now: datetime) -> None:
    """Set the first use of every active secret to its creation, and its last use to that of its key."""
    marks = []
    # A secret of the last two hours stays unused: its callers can hardly have changed over to it yet.
    active = KeySecret.objects.filter(state=SecretState.ACTIVE, created_at__lt=now - _SWITCH_TIME)
    for secret in active.select_related("key").prefetch_related("key__usage_marks"):
        used_at = secret.key.last_used_at
        if used_at is not None and used_at > secret.created_at:
            mark = next(iter(secret.key.marks))
            setattr(mark, f"used_{secret.slot}_at", used_at)
            setattr(mark, f"first_{secret.slot}_at", secret.created_at)
            marks.append(mark)
    UsageMark.objects.bulk_update(marks, ["used_0_at", "used_1_at", "first_0_at", "first_1_at"])
