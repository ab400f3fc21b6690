"""The form on a key's page."""

from typing import Any, Final

from django import forms
from django.utils import timezone

from apikeys import validation
from apikeys.models import APIKey
from latchkey.validation import InvalidParameters, clean
from ratelimit.fields import StrictJSONFormField

EDITABLE: Final = ("label", "owner", "scopes", "expires_at", "metadata")


class EditForm(forms.ModelForm):  # type: ignore[type-arg]
    """What needs no page of its own. What was changed is judged by the rules of ConfigService, each fault beside its
    field.
    """

    known_epoch = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = APIKey
        fields = EDITABLE
        field_classes = {"scopes": StrictJSONFormField, "metadata": StrictJSONFormField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["known_epoch"].initial = self.instance.epoch

    def clean_scopes(self) -> object:
        """An empty box is no scopes."""
        return [] if self.cleaned_data["scopes"] is None else self.cleaned_data["scopes"]

    def clean_metadata(self) -> object:
        """An empty box is no metadata."""
        return {} if self.cleaned_data["metadata"] is None else self.cleaned_data["metadata"]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("known_epoch") != self.instance.epoch:
            self.add_error(None, "The key was changed since this page was loaded. Load it again.")
        try:
            clean(self.changes(), validation.UPDATE_RULES, timezone.now())
        except InvalidParameters as error:
            for fault in error.errors:
                _, name, *inner = fault.pointer.split("/")
                self.add_error(name, f"/{'/'.join(inner)}: {fault.detail}" if inner else fault.detail)
        return self.cleaned_data

    def changes(self) -> dict[str, Any]:
        """The fields that were changed and have a value."""
        return {
            name: self.cleaned_data[name]
            for name in self.changed_data
            if name in EDITABLE and name in self.cleaned_data
        }
