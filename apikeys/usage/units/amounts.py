"""Usage of a key by unit and step, from the rows of that step."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from apikeys.models import UnitUsage, UsageStep
from apikeys.usage.steps import STEPS, step_start


class Amounts(NamedTuple):
    """What was charged in one unit, and what of it was given back."""

    charged: int
    returned: int

    @property
    def used(self) -> int:
        """Return what was charged and not given back."""
        return self.charged - self.returned


def amounts_by_step(
    key: int, step: UsageStep, first: datetime, end: datetime
) -> Mapping[datetime, Mapping[str, Amounts]]:
    """Return the usage of a key, given by primary key, by the start of the step and by unit.

    The steps begin at `first` or later, and before `end`. Those without such usage are left out.
    """
    rows = UnitUsage.objects.filter(key=key, step=step, start__gte=first, start__lt=end).order_by("start", "unit")
    found: dict[datetime, dict[str, Amounts]] = defaultdict(dict)
    for start, unit, charged, returned in rows.values_list("start", "unit", "charged", "returned"):
        found[start][unit] = Amounts(charged, returned)
    return found


def amounts_by_unit(key: int, step: UsageStep, steps: int, now: datetime) -> dict[str, Amounts]:
    """Return the usage of a key in the last `steps` steps, the current one included, by unit."""
    length = STEPS[step.value]
    last = step_start(step, now)
    sums: dict[str, Amounts] = {}
    for of_step in amounts_by_step(key, step, last - length * (steps - 1), last + length).values():
        for unit, amounts in of_step.items():
            known = sums.get(unit, Amounts(0, 0))
            sums[unit] = Amounts(known.charged + amounts.charged, known.returned + amounts.returned)
    return dict(sorted(sums.items()))
