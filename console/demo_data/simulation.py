"""Simulation for the demo's stories: a clock in the past, and the product's own services, which run by that clock."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Final

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Usage, UsageMark
from apikeys.policies.service import PolicyService
from apikeys.usage.high_water_marks import archive
from console.demo_data.key_plan import KeyPlan
from console.demo_data.usage_rows import BATCH, UsageRows
from events.origin import Origin
from events.webhooks.service import WebhookService
from health.guard_rails import GUARD_RAILS, GuardRail
from health.guard_rails.disk import FullDisk
from health.guard_rails.operation import AbsentSteward, BrokenEventLog, DegradedBucketStore
from health.incidents import sweep
from health.waivers import Waivers
from latchkey.request_id import new_request_id

# These guard rails check the running installation at the present, so they don't apply to the simulated past.
_PRESENT_ONLY: Final = (AbsentSteward, BrokenEventLog, DegradedBucketStore, FullDisk)
_SIMULATED: Final[tuple[GuardRail, ...]] = tuple(rail for rail in GUARD_RAILS if not isinstance(rail, _PRESENT_ONLY))
_SATURDAY: Final = 5


class Simulation:
    """Simulated clock with access to the services: `now` is the simulated time, `end` is the present.

    `seed` decides every random choice except IDs and secrets.
    """

    def __init__(self, end: datetime, seed: int) -> None:
        self.end = end
        self.now = end
        self._seed = seed

    def ago(self, **span: float) -> datetime:
        """Return the time that lies `span` before the present; `span` takes the arguments of timedelta."""
        return self.end - timedelta(**span)

    def at_work(self, days_ago: int, rng: Random) -> datetime:
        """Return a random time in working hours (8:00 to 17:00 UTC) `days_ago` days ago (1 or more).

        On a weekend, return one on the Friday before.
        """
        day = self.ago(days=days_ago).replace(hour=0, minute=0, second=0)
        day -= timedelta(days=max(day.weekday() - _SATURDAY + 1, 0))
        return day + timedelta(seconds=rng.randint(8 * 3600, 17 * 3600))

    def rng(self, name: str) -> Random:
        """Return the random number generator of that name."""
        # A separate generator for every story: a change to one story then doesn't change the others.
        return Random(f"{self._seed}:{name}")  # noqa: S311 - chance, and nothing secret

    def keys(self, actor: str) -> ConfigService:
        """Return the service that changes keys, acting as `actor` at the simulated time."""
        return ConfigService(_origin(actor), now=lambda: self.now)

    def policies(self, actor: str) -> PolicyService:
        """Return the service that changes plans and owners, acting as `actor` at the simulated time."""
        return PolicyService(_origin(actor), now=lambda: self.now)

    def waivers(self, actor: str) -> Waivers:
        """Return the service that changes waivers, acting as `actor` at the simulated time."""
        return Waivers(_origin(actor), now=lambda: self.now)

    def webhooks(self, actor: str) -> WebhookService:
        """Return the service that changes webhooks, acting as `actor` at the simulated time."""
        return self.keys(actor).webhooks

    def issue(self, plan: KeyPlan, actor: str) -> APIKey:
        """Issue the key and write its usage rows up to the end of its use."""
        # Only the key is kept. The credential is dropped, so nothing can ever authenticate with it.
        key = self.keys(actor).issue(plan.values()).key
        rng = self.rng(f"use of {plan.label} of {plan.owner}")
        until = plan.used_until or self.end
        rows = UsageRows(key, plan.demand, until, self.end).build(rng)
        Usage.objects.bulk_create(rows, batch_size=BATCH)
        if plan.demand.per_day:
            last_used_at = max(self._last_use(rows, until, rng), key.created_at)
            # Slot 1 has no secret yet: this is the last use of the key, and of none of its secrets.
            UsageMark.objects.create(key=key, source=archive(), used_1_at=last_used_at)
        return key

    def run_steward(self) -> None:
        """Do what the steward would have done at the simulated time."""
        self.keys("system").append_expiry_events()
        self.waivers("system").end_due()
        sweep(_SIMULATED, now=self.now)

    def _last_use(self, rows: list[Usage], until: datetime, rng: Random) -> datetime:
        """Return a time in the period of the last row, or in the hour before `until` if there are no rows."""
        latest = max((row.start for row in rows), default=until - timedelta(hours=1))
        # At most a minute, because the last row may be one of a minute.
        left = min(until - latest, timedelta(minutes=1))
        return latest + left * rng.random()


@contextmanager
def silenced_logger(name: str) -> Iterator[None]:
    """Silence the named logger within the block."""
    # The log is for real events, and a story simulates failures that never happened.
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _origin(actor: str) -> Origin:
    return Origin(actor, new_request_id())
