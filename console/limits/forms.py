"""Forms that override a limit, and that adjust what is used of it."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms

from access.secret_free_form import SecretFreeForm
from apikeys.policies.effective import EffectiveLimit
from apikeys.policies.validation import MAX_REASON
from console.limits.amounts import WholeNumberField, in_own_words, with_separators
from console.limits.words import amount_words
from console.time_field import HELP, TimeField
from latchkey.problems import ProblemError
from ratelimit.plan_limit import PlanLimit

SET, ADD, GIVE_BACK = "set", "add", "give-back"
_AMOUNT_POINTERS: Final = frozenset({"rate", "quota", "concurrency", "used", "add"})


class OverrideForm(SecretFreeForm, forms.Form):
    """Form for another amount of one limit, until a time."""

    limit = forms.ChoiceField()
    amount = WholeNumberField(help_text="How many units instead, for example 2,000,000. A rate keeps its period.")
    until = TimeField(label="Until (UTC)", help_text=f"{HELP} After that, the plan's amount applies again.")

    reason = forms.CharField(required=False, max_length=MAX_REASON, help_text="The event log keeps this text.")

    def __init__(self, *args: Any, limits: Sequence[EffectiveLimit], **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits = {limit.limit.name: limit.limit for limit in limits}
        choices = [(name, f"{name}: {amount_words(limit)}") for name, limit in self._limits.items()]
        self.fields["limit"].choices = choices  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """Return the fields as PolicyService expects them, without the key or owner."""
        limit, amount = self._limits[self.cleaned_data["limit"]], self.cleaned_data["amount"]
        others = {name: self.cleaned_data[name] for name in ("until", "reason")}
        return {"limit": limit.name, **_as_json(limit, amount), **others}


class AdjustForm(SecretFreeForm, forms.Form):
    """Form for what is used of a limit: another value, or a difference, and the reason."""

    how = forms.ChoiceField(
        choices=((GIVE_BACK, "Give back"), (ADD, "Add to what is used"), (SET, "Set what is used to")),
        widget=forms.RadioSelect,
        initial=GIVE_BACK,
        label="Adjustment",
    )
    amount = WholeNumberField(help_text="Units, for example 5,000. To start again, set what is used to 0.")
    reason = forms.CharField(max_length=MAX_REASON, help_text="The event log keeps this text.")

    def values(self) -> dict[str, Any]:
        """Return the fields as PolicyService expects them."""
        how, amount = self.cleaned_data["how"], self.cleaned_data["amount"]
        change = {"used": amount} if how == SET else {"add": amount if how == ADD else -amount}
        return {**change, "reason": self.cleaned_data["reason"]}

    def after(self, used: int) -> int:
        """Return what will be used afterwards, if `used` units are used now."""
        how, amount = self.cleaned_data["how"], self.cleaned_data["amount"]
        return int(amount) if how == SET else max(0, used + (amount if how == ADD else -amount))


def show_limit_problem(form: forms.Form, error: ProblemError) -> None:
    """Show each error of the service next to its field, in the form's words, or at the top."""
    for fault in error.errors:
        first = fault.pointer.split("/")[1] if fault.pointer else ""
        name = "amount" if first in _AMOUNT_POINTERS else first
        label = str(form[name].label) if name in form.fields else ""
        detail = in_own_words(fault.detail, fault.pointer.rpartition("/")[2], label)
        form.add_error(name if name in form.fields else None, with_separators(detail) if name == "amount" else detail)
    if not error.errors:
        form.add_error(None, error.detail)


def _as_json(limit: PlanLimit, amount: int) -> dict[str, object]:
    if limit.rate is not None:
        return {"rate": {"burst": amount, "per_seconds": limit.rate.per_seconds}}
    return {limit.kind: amount}
