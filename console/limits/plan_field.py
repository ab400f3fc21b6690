"""Field for the choice of a plan, or of none."""

from functools import cache
from typing import Any, Final

from django import forms

from apikeys.models import Plan

NO_PLAN: Final = ""
_MOST: Final = 500


class PlanField(forms.TypedChoiceField):
    """Select box with the plans that a key or an owner can have, and none, whose value is None."""

    def __init__(self, *, for_keys: bool, none: str, **options: Any) -> None:
        super().__init__(coerce=str, empty_value=None, required=False, label="Plan", **options)
        self._for_keys, self._none = for_keys, none

    def __deepcopy__(self, memo: dict[int, Any]) -> "PlanField":
        # Each form has a copy, which reads the plans once: both the check and the page need them.
        copied: PlanField = super().__deepcopy__(memo)
        copied.choices = cache(self._plans)
        return copied

    def _plans(self) -> list[tuple[str, str]]:
        plans = Plan.objects.order_by("name")[:_MOST]
        # A plan whose limits the keys of an owner share is given to owners only.
        offered = (one.name for one in plans if not (self._for_keys and one.has_owner_limits))
        return [(NO_PLAN, self._none), *((name, name) for name in offered)]
