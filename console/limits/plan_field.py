"""Field for the choice of a plan, or of none."""

from typing import Any, Final

from django import forms

from apikeys.models import Plan

NO_PLAN: Final = ""
_MOST: Final = 500


class PlanField(forms.TypedChoiceField):
    """Select box with the plans that a key or an owner can have, and none, whose value is None."""

    def __init__(self, *, for_keys: bool, none: str, **options: Any) -> None:
        def choices() -> list[tuple[str, str]]:
            plans = Plan.objects.order_by("name")[:_MOST]
            # A plan whose limits the keys of an owner share is given to owners only.
            return [
                (NO_PLAN, none),
                *((one.name, one.name) for one in plans if not (for_keys and one.has_owner_limits)),
            ]

        super().__init__(
            **{"choices": choices, "coerce": str, "empty_value": None, "required": False, "label": "Plan", **options}
        )
