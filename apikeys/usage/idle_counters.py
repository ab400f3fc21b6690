"""Deletion of a store's idle counters: of limits and of usage by unit, also of keys and owners that are gone."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from django.db import transaction
from django.db.models import Q

from apikeys.models import UnitMark
from apikeys.usage.batch import keep_others_out
from apikeys.usage.high_water_marks import source_of
from apikeys.usage.units import CountedUnits, write_units
from ratelimit.idle_counters import StoredCounter
from ratelimit.stores import BucketStore
from ratelimit.unit_counters import UNIT_PREFIX, parse_name

BATCH: Final = 100


def forget_idle_counters(store: BucketStore, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Delete idle counters, with their high-water marks, in batches, as long as `should_continue` returns true.

    Return how many. Raises BucketStoreError.
    """
    deleted, idle = 0, store.idle_counters()
    while should_continue() and (batch := list(islice(idle, BATCH))):
        units = [counter for counter in batch if counter.name.startswith(UNIT_PREFIX)]
        deleted += len(store.forget_counters([counter for counter in batch if counter not in units]))
        if units:
            deleted += _forget_units(store, units)
    return deleted


def _forget_units(store: BucketStore, idle: Sequence[StoredCounter]) -> int:
    """Delete counters of usage by unit. If the key uses the unit again, its counter and marks begin at 0."""
    source, names = source_of(store.generation()), [counter.name for counter in idle]
    with transaction.atomic():
        # So that no writer compares a new counter with a mark of the one before, or this one with none.
        keep_others_out()
        # A pass that was interrupted may not have written them yet.
        counters = dict(zip([name.decode() for name in names], store.unit_counters(names), strict=True))
        write_units(CountedUnits(counters, source, store.rolls_back, confirmed=True))
        deleted = store.forget_counters(idle)
        marks = Q(pk__in=[])
        for key_id, unit in map(parse_name, deleted):
            marks |= Q(key__key_id=key_id, unit=unit)
        UnitMark.objects.filter(marks, source=source).delete()
    return len(deleted)
