"""The form on a key's page."""

from typing import Any, Final

from django import forms
from django.utils import timezone

from access.secret_free_form import SecretFreeForm
from apikeys import validation
from apikeys.models import APIKey
from console.time_field import HELP, TimeField
from latchkey.redaction import redact_tokens
from latchkey.validation import InvalidParameters, clean
from ratelimit.fields import StrictJSONFormField

EDITABLE: Final = ("label", "owner", "scopes", "expires_at", "metadata")


class EditForm(SecretFreeForm, forms.ModelForm):  # type: ignore[type-arg]
    """What needs no page of its own. What was changed is judged by the rules of ConfigService, each fault beside its
    field.
    """

    expires_at = TimeField(label="Expires at (UTC)", required=False, help_text=f"{HELP} Empty: never.")

    class Meta:
        model = APIKey
        fields = EDITABLE
        field_classes = {"scopes": StrictJSONFormField, "metadata": StrictJSONFormField}

    def clean_scopes(self) -> object:
        """An empty box is no scopes."""
        return [] if self.cleaned_data["scopes"] is None else self.cleaned_data["scopes"]

    def clean_metadata(self) -> object:
        """An empty box is no metadata."""
        return {} if self.cleaned_data["metadata"] is None else self.cleaned_data["metadata"]

    def clean(self) -> dict[str, Any]:
        super().clean()
        try:
            clean(self.changes(), validation.UPDATE_RULES, timezone.now())
        except InvalidParameters as error:
            for fault in error.errors:
                _, name, *inner = fault.pointer.split("/")
                self.add_error(name, f"/{'/'.join(inner)}: {fault.detail}" if inner else fault.detail)
        return self.cleaned_data

    def typed(self) -> list[tuple[str, Any]]:
        """What was sent and is not so in the key: label and text of each field."""
        sent = [self[name] for name in self.changed_data if name in EDITABLE]
        return [(str(field.label), redact_tokens(str(field.value()))) for field in sent]

    def changes(self) -> dict[str, Any]:
        """The fields that were changed and have a value."""
        return {
            name: self.cleaned_data[name]
            for name in self.changed_data
            if name in EDITABLE and name in self.cleaned_data
        }
