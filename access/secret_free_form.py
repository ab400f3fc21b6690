"""Forms that reject a valid secret in a text field, and don't show it again on the page with the error."""

from typing import Any

from django import forms

from latchkey.redaction import redact_tokens
from latchkey.secret_detection import REJECTION_MESSAGE, contains_secret


class SecretFreeForm(forms.BaseForm):
    """Form that rejects a valid secret in every field except passwords."""

    def clean(self) -> dict[str, Any]:
        """Check all fields for secrets, and redact them in the data that the page shows again."""
        # Do this before any other validation: the page of another error would show the text too.
        for name, field in self.fields.items():
            place = self.add_prefix(name)
            typed = self.data.get(place)
            if (
                isinstance(field.widget, forms.PasswordInput)
                or not isinstance(typed, str)
                or not contains_secret(typed)
            ):
                continue
            if name not in self.errors:
                self.add_error(name, REJECTION_MESSAGE)
            shown: Any = self.data.copy()  # type: ignore[attr-defined]
            shown[place] = redact_tokens(typed)
            self.data = shown
        super().clean()
        return self.cleaned_data
