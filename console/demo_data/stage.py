"""The stage on which the demo's stories are played: a clock in the past, and the writers of the product."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Final

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Usage
from console.demo_data.key_plan import KeyPlan
from console.demo_data.usage_rows import BATCH, UsageRows
from events.origin import Origin
from events.webhooks.service import WebhookEndpoints
from health.guard_rails import GUARD_RAILS, GuardRail
from health.guard_rails.disk import FullDisk
from health.guard_rails.operation import AbsentSteward, BrokenEventLog, DegradedBucketStore
from health.incidents import sweep
from health.waivers import Waivers
from latchkey.request_id import new_request_id

# How Latchkey itself does is a matter of this moment, and not of the past that is played.
_OF_THE_PRESENT: Final = (AbsentSteward, BrokenEventLog, DegradedBucketStore, FullDisk)
_PLAYED: Final[tuple[GuardRail, ...]] = tuple(rail for rail in GUARD_RAILS if not isinstance(rail, _OF_THE_PRESENT))
_SATURDAY: Final = 5


class Stage:
    """`now` is the moment that is played, `end` the present; `seed` decides all that is left to chance."""

    def __init__(self, end: datetime, seed: int) -> None:
        self.end = end
        self.now = end
        self._seed = seed

    def ago(self, **span: float) -> datetime:
        """The moment that lies so far before the present; `span` as for timedelta."""
        return self.end - timedelta(**span)

    def at_work(self, days_ago: int, rng: Random) -> datetime:
        """A moment at which people work, on that day (1 or more days ago) or the last working day before it."""
        day = self.ago(days=days_ago).replace(hour=0, minute=0, second=0)
        day -= timedelta(days=max(day.weekday() - _SATURDAY + 1, 0))
        return day + timedelta(seconds=rng.randint(8 * 3600, 17 * 3600))

    def rng(self, name: str) -> Random:
        """A source of chance of its own for each story, so that no story changes another."""
        return Random(f"{self._seed}:{name}")  # noqa: S311 - chance, and nothing secret

    def keys(self, actor: str) -> ConfigService:
        """The writer of keys, at the moment that is played."""
        return ConfigService(_origin(actor), now=lambda: self.now)

    def waivers(self, actor: str) -> Waivers:
        """The writer of waivers, at the moment that is played."""
        return Waivers(_origin(actor), now=lambda: self.now)

    def webhooks(self, actor: str) -> WebhookEndpoints:
        """The writer of webhooks, at the moment that is played."""
        return self.keys(actor).webhooks

    def issue(self, plan: KeyPlan, actor: str) -> APIKey:
        """Issues the key, whose secret nobody will ever know, and writes down the use that it is going to have."""
        key = self.keys(actor).issue(plan.values()).key
        rng = self.rng(f"use of {plan.label} of {plan.owner}")
        until = plan.used_until or self.end
        rows = UsageRows(key, plan.demand, until, self.end).make(rng)
        Usage.objects.bulk_create(rows, batch_size=BATCH)
        if plan.demand.per_day:
            key.last_used_at = max(self._last_use(rows, until, rng), key.created_at)
            APIKey.objects.filter(pk=key.pk).update(last_used_at=key.last_used_at)
        return key

    def steward_round(self) -> None:
        """What the steward would have done at this moment."""
        self.keys("system").tell_expiries()
        self.waivers("system").end_due()
        sweep(_PLAYED, now=self.now)

    def _last_use(self, rows: list[Usage], until: datetime, rng: Random) -> datetime:
        """Within the last row, where there is one; else shortly before the use ended."""
        latest = max((row.start for row in rows), default=until - timedelta(hours=1))
        left = min(until - latest, timedelta(minutes=1))
        return latest + left * rng.random()


@contextmanager
def unlogged(name: str) -> Iterator[None]:
    """Keeps the named logger quiet: what is played did not happen, and a log tells what did."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _origin(actor: str) -> Origin:
    return Origin(actor, new_request_id())
