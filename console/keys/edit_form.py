"""Form on a key's page."""

from typing import Any, Final

from django import forms
from django.utils import timezone

from access.secret_free_form import SecretFreeForm
from apikeys import validation
from apikeys.models import APIKey
from console.limits.plan_field import PlanField
from console.time_field import HELP, TimeField
from latchkey.redaction import redact_tokens
from latchkey.validation import InvalidParameters, clean
from ratelimit.fields import StrictJSONFormField

EDITABLE: Final = ("label", "owner", "plan", "scopes", "expires_at", "metadata")
NO_OWN_PLAN: Final = "None: the limits of the owner's plan"


class EditForm(SecretFreeForm, forms.ModelForm):  # type: ignore[type-arg]
    """Form for the fields that need no separate page.

    It checks changed fields with the rules of ConfigService, and shows every error next to its field.
    """

    plan = PlanField(for_keys=True, none=NO_OWN_PLAN)
    expires_at = TimeField(label="Expires at (UTC)", required=False, help_text=f"{HELP} Leave empty for no expiry.")

    class Meta:
        model = APIKey
        fields = tuple(name for name in EDITABLE if name != "plan")
        field_classes = {"scopes": StrictJSONFormField, "metadata": StrictJSONFormField}

    field_order = EDITABLE

    def __init__(self, data: Any = None, *, instance: APIKey) -> None:
        super().__init__(data, instance=instance, initial={"plan": instance.plan_name})

    def clean_scopes(self) -> object:
        """Return the scopes; an empty box means no scopes."""
        return [] if self.cleaned_data["scopes"] is None else self.cleaned_data["scopes"]

    def clean_metadata(self) -> object:
        """Return the metadata; an empty box means no metadata."""
        return {} if self.cleaned_data["metadata"] is None else self.cleaned_data["metadata"]

    def clean(self) -> dict[str, Any]:
        super().clean()
        # Only what was changed: an unchanged value may have become invalid, such as an expiry that has passed, and
        # must not block the other changes.
        try:
            clean(self.changes(), validation.UPDATE_RULES, timezone.now())
        except InvalidParameters as error:
            for fault in error.errors:
                _, name, *inner = fault.pointer.split("/")
                self.add_error(name, f"/{'/'.join(inner)}: {fault.detail}" if inner else fault.detail)
        return self.cleaned_data

    def submitted_changes(self) -> list[tuple[str, Any]]:
        """Return the label and the submitted text of every field that differs from the key, with secrets redacted."""
        sent = [self[name] for name in self.changed_data if name in EDITABLE]
        return [(str(field.label), redact_tokens(str(field.value()))) for field in sent]

    def changes(self) -> dict[str, Any]:
        """Return the changed fields that passed the field's own validation."""
        return {
            name: self.cleaned_data[name]
            for name in self.changed_data
            if name in EDITABLE and name in self.cleaned_data
        }
