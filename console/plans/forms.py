"""Form for a plan: its name, and up to 8 limits."""

from collections.abc import Mapping
from typing import Any

from django import forms

from access.secret_free_form import SecretFreeForm
from console.limits.amounts import in_own_words
from console.plans.limit_form import LimitForm
from latchkey.problems import ProblemError
from ratelimit.plan_limit import MAX_LIMITS, PlanLimit


class NameForm(SecretFreeForm, forms.Form):
    """Form for what a new plan is called."""

    name = forms.CharField(
        max_length=64,
        help_text="1 to 32 characters of a-z, 0-9, _ and -, for example team. It can't be changed later.",
    )


class PlanForm:
    """The name of a new plan, and its limits. All 8 are there, so that the page works without scripts."""

    def __init__(self, data: Mapping[str, Any] | None = None, limits: tuple[PlanLimit, ...] | None = None) -> None:
        """With `limits`, the form is for a plan that exists, whose name can't change."""
        self.top: forms.Form = forms.Form(data) if limits is not None else NameForm(data)
        known = [*(limits or ()), *[None] * MAX_LIMITS][:MAX_LIMITS]
        self.limits = [LimitForm(data, number=number, limit=limit) for number, limit in enumerate(known)]

    def is_valid(self) -> bool:
        """Return whether all that was filled in is valid."""
        # A list: all forms are checked, so that the page shows all errors.
        return all([self.top.is_valid(), *(limit.is_valid() for limit in self.limits)])

    def values(self) -> dict[str, Any]:
        """Return the fields as PolicyService expects them."""
        return {**self.top.cleaned_data, "limits": [limit.as_json() for limit in self._stated]}

    def show_problem(self, error: ProblemError) -> None:
        """Show each error of the service next to its field, or at the top."""
        stated = self._stated
        for fault in error.errors:
            first, *rest = fault.pointer.split("/")[1:] or [""]
            if first == "limits" and rest and rest[0].isdigit() and int(rest[0]) < len(stated):
                stated[int(rest[0])].show("/".join(rest[1:]), fault)
            else:
                name = first if first in self.top.fields else None
                self.top.add_error(name, in_own_words(fault.detail, "name", "Name") if name else fault.detail)
        if not error.errors:
            self.top.add_error(None, error.detail)

    @property
    def _stated(self) -> list[LimitForm]:
        return [limit for limit in self.limits if limit.is_stated]
