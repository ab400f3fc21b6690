"""Forms of owners. The rules are those of PolicyService, which reports every error next to its field."""

from typing import Any, Final

from django import forms

from access.secret_free_form import SecretFreeForm
from apikeys.models import Owner
from apikeys.policies.validation import MAX_CONTACTS
from console.limits.amounts import in_own_words
from console.limits.plan_field import PlanField
from latchkey.problems import ProblemError
from latchkey.validation import MAX_TEXT

_NO_PLAN: Final = "None"


class OwnerForm(SecretFreeForm, forms.Form):
    """Form for what an operator decides about an owner."""

    display_name = forms.CharField(
        max_length=MAX_TEXT, required=False, help_text="What people call it. Empty: the name itself."
    )
    contacts = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=f"One per line, at most {MAX_CONTACTS}, for example an email address.",
    )
    period_anchor = forms.CharField(
        required=False,
        max_length=10,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Months of quotas that start on the anchor day begin on this day of the month.",
    )
    plan = PlanField(for_keys=False, none=_NO_PLAN, help_text="Limits all keys of the owner, from their next request.")

    def values(self) -> dict[str, Any]:
        """Return the fields as PolicyService expects them."""
        cleaned = self.cleaned_data
        lines = (line.strip() for line in cleaned["contacts"].splitlines())
        given = {**cleaned, "contacts": [line for line in lines if line]}
        return {**given, "period_anchor": cleaned["period_anchor"] or None}

    def show_problem(self, error: ProblemError) -> None:
        """Show each error of the service next to its field, or at the top."""
        for fault in error.errors:
            name = fault.pointer.split("/")[1] if fault.pointer else ""
            label = str(self[name].label) if name in self.fields else name
            self.add_error(name if name in self.fields else None, in_own_words(fault.detail, name, label))
        if not error.errors:
            self.add_error(None, error.detail)


class AddOwnerForm(OwnerForm):
    """Form for a new owner."""

    name = forms.CharField(
        max_length=MAX_TEXT, help_text="The text in the owner of its keys. It can't be changed later."
    )
    field_order = ("name", "display_name", "plan", "contacts", "period_anchor")


class EditOwnerForm(OwnerForm):
    """Form for an owner that exists; its plan has a page of its own."""

    plan = None  # type: ignore[assignment]


class OwnerPlanForm(OwnerForm):
    """Form for the plan of an owner alone."""

    display_name = contacts = period_anchor = None  # type: ignore[assignment]

    def values(self) -> dict[str, Any]:
        """Return the plan as PolicyService expects it."""
        return dict(self.cleaned_data)


def owner_initial(owner: Owner) -> dict[str, Any]:
    """Return the form's values for an owner."""
    return {
        "display_name": owner.display_name,
        "contacts": "\n".join(owner.contacts),
        "period_anchor": owner.period_anchor.isoformat() if owner.period_anchor else "",
        "plan": owner.plan_name or "",
    }
