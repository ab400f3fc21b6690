"""Form for a new waiver. The rules are those of `Waivers`, which reports every error next to its field."""

from typing import Any, Final

from django import forms

from access.secret_free_form import SecretFreeForm
from console.time_field import HELP, TimeField
from health.guard_rails import BY_NAME
from health.waivers import MAX_DURATION
from latchkey.validation import MAX_TEXT

PREFILLED: Final = ("guard_rail", "key_id")


class WaiverForm(SecretFreeForm, forms.Form):
    """Form for what an operator decides about a waiver."""

    guard_rail = forms.ChoiceField(choices=[(name, name) for name in BY_NAME], label="Guard rail")
    key_id = forms.CharField(
        max_length=MAX_TEXT,
        required=False,
        label="Key ID",
        help_text="The key to waive the guard rail for. Leave empty for all keys.",
    )
    reason = forms.CharField(
        max_length=MAX_TEXT, help_text="Why the violation is acceptable. The event log keeps this text."
    )
    ends_at = TimeField(
        label="Ends at (UTC)",
        help_text=f"{HELP} At most {MAX_DURATION.days} days from now. After that, the guard rail alerts again.",
    )

    def values(self) -> dict[str, Any]:
        """Return the fields that were filled in."""
        return {name: value for name, value in self.cleaned_data.items() if value != ""}
