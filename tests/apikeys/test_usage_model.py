"""Usage against a simple model: random use of keys in two stores, which are written at random times."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest
from django.db.models import Sum

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, KeySecret, Usage, UsageStep, UsageTotal
from apikeys.usage.points import points_of
from apikeys.usage.rollup import UsageRollup
from apikeys.usage.steps import step_start
from latchkey.timestamps import from_ns
from ratelimit.bucket import Record
from ratelimit.limit import Limit
from ratelimit.stores import MemoryStore
from tests.conftest import Clock

pytestmark = pytest.mark.django_db

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
STEPS = 120


class Replicated(MemoryStore):
    """A store whose counters a failover may take back."""

    rolls_back = True


class Model:
    """What is expected: counters by store and key, and what of them is written to which minute."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[int, str, str]] = Counter()
        self.marks: Counter[tuple[int, str, str]] = Counter()
        self.used: dict[tuple[int, str], datetime] = {}
        self.minutes: Counter[tuple[str, datetime, str]] = Counter()
        self.last: dict[str, datetime] = {}

    def take(self, store: int, name: str, counter: str, now: datetime) -> None:
        self.counted[store, name, counter] += 1
        self.used[store, name] = now

    def write(self, store: int) -> None:
        for (which, name), used in self.used.items():
            if which == store:
                for counter in ("allowed", "throttled"):
                    at = (store, name, counter)
                    new = self.counted[at] - self.marks[at]
                    if new > 0:
                        self.minutes[name, step_start(UsageStep.MINUTE, used), counter] += new
                        self.last[name] = max(self.last.get(name, used), used)
                    self.marks[at] = self.counted[at]

    def sums(self, step: UsageStep) -> Counter[tuple[str, datetime, str]]:
        found: Counter[tuple[str, datetime, str]] = Counter()
        for (name, minute, counter), count in self.minutes.items():
            found[name, step_start(step, minute), counter] += count
        return found


class World:
    """Keys, the two stores that count them, and the model, which see the same use."""

    def __init__(self, keys: list[APIKey], clock: Clock, chance: Random) -> None:
        self.model, self.keys = Model(), keys
        self._clock, self._chance = clock, chance
        self._stores = [MemoryStore(clock), Replicated(clock)]
        self._rollups = [UsageRollup(store) for store in self._stores]

    def act(self) -> None:
        actions = [self.use] * 4 + [self.write] * 2 + [self.wait, self.fail_over]
        self._chance.choice(actions)()

    def use(self) -> None:
        which, name = self._chance.randrange(2), self._chance.choice(self.keys).key_id
        self._stores[which].take(name.encode(), None)
        self.model.take(which, name, "allowed", from_ns(self._clock.ns))
        if self._chance.random() < 0.2:
            record = self._stores[which].peek(name.encode())
            self._set(which, name, record._replace(throttled=record.throttled + 1))
            self.model.take(which, name, "throttled", from_ns(self._clock.ns))

    def fail_over(self) -> None:
        name = self._chance.choice(self.keys).key_id
        record = self._stores[1].peek(name.encode())
        lost = self._chance.randint(0, record.allowed)
        self._set(1, name, record._replace(allowed=record.allowed - lost))
        self.model.counted[1, name, "allowed"] -= lost
        # If more requests came first, as many as were lost would be missing: see ADR 2.
        self.write_all(1)

    def write(self) -> None:
        which = self._chance.randrange(2)
        self._rollups[which].write_pending()
        self.model.write(which)

    def write_all(self, which: int) -> None:
        """As a steward does that has just started."""
        UsageRollup(self._stores[which]).write_pending()
        self.model.write(which)

    def wait(self) -> None:
        self._clock.move(self._chance.choice([5, 70, 1800, 3600, 90_000]))

    def _set(self, which: int, name: str, record: Record) -> None:
        self._stores[which]._records[name.encode()] = record.dump()


def by_key(keys: list[APIKey], step: UsageStep) -> Counter[tuple[str, datetime, str]]:
    names, found = {key.pk: key.key_id for key in keys}, Counter[tuple[str, datetime, str]]()
    for pk, points in points_of(names, step, EARLIEST).items():
        for point in points:
            found[names[pk], point.start, "allowed"] += point.allowed
            found[names[pk], point.start, "throttled"] += point.throttled
    return +found


def in_total(step: UsageStep) -> Counter[tuple[datetime, str]]:
    found = Counter[tuple[datetime, str]]()
    for row in UsageTotal.objects.filter(step=step):
        found[row.start, "allowed"], found[row.start, "throttled"] = row.allowed, row.throttled
        assert row.keys == Usage.objects.filter(step=step, start=row.start).count()
    return +found


@pytest.mark.parametrize("seed", range(6))
def test_rows_and_totals_match_model(service: ConfigService, clock: Clock, seed: int) -> None:
    keys = [service.issue({"label": "x"}).key for _ in range(4)]
    world = World(keys, clock, Random(seed))
    for _ in range(STEPS):
        world.act()
    for which in range(2):
        world.write_all(which)
    for step in UsageStep:
        expected = world.model.sums(step)
        assert by_key(keys, step) == expected, step
        totals = Counter[tuple[datetime, str]]()
        for (_, start, counter), count in expected.items():
            totals[start, counter] += count
        assert in_total(step) == totals, step
    assert {key.key_id: key.last_used_at for key in APIKey.objects.all() if key.last_used_at} == world.model.last
    # Throttled requests are found by an index, so none of them may be in a mark only.
    hours = Usage.objects.filter(step="hour").aggregate(n=Sum("throttled", default=0))["n"]
    assert hours == sum(count for (_, _, counter), count in world.model.minutes.items() if counter == "throttled")


def test_first_use_belongs_to_secret_in_slot(service: ConfigService, clock: Clock) -> None:
    """A slot is used again after a rotation, and an earlier use is read late."""
    rotating = ConfigService(service._origin, now=lambda: from_ns(clock.ns))
    key, store, late = rotating.issue({"label": "x"}).key, MemoryStore(clock), MemoryStore(clock)
    name = key.key_id.encode()
    for one in (store, late):
        one.take(name, None)
    UsageRollup(store).write_pending()
    clock.move(60)
    rotating.rotate(key.key_id, {"grace_seconds": 0})
    clock.move(60)
    rotating.rotate(key.key_id, {"grace_seconds": 0})
    secret = KeySecret.objects.get()
    UsageRollup(late).write_pending()
    assert (KeySecret.objects.get().first_used_at, KeySecret.objects.get().last_used_at) == (None, None)
    clock.move(60)
    store.take(name, Limit(5, 60), slot=secret.slot)
    UsageRollup(store).write_pending()
    assert KeySecret.objects.get().first_used_at == from_ns(clock.ns)
    assert (APIKey.objects.get().last_used_at, secret.slot) == (from_ns(clock.ns), 0)
