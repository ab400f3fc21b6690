"""Forms that refuse a live secret in a text, and don't show it again on the page with the error."""

from typing import Any

from django import forms

from latchkey.redaction import redact_tokens
from latchkey.secret_detection import REFUSAL, holds_secret


class SecretFreeForm(forms.BaseForm):
    """A form that refuses a live secret in each of its fields but passwords."""

    def clean(self) -> dict[str, Any]:
        """Look first: the page of any other error would show the text too."""
        for name, field in self.fields.items():
            place = self.add_prefix(name)
            typed = self.data.get(place)
            if isinstance(field.widget, forms.PasswordInput) or not isinstance(typed, str) or not holds_secret(typed):
                continue
            if name not in self.errors:
                self.add_error(name, REFUSAL)
            shown: Any = self.data.copy()  # type: ignore[attr-defined]
            shown[place] = redact_tokens(typed)
            self.data = shown
        super().clean()
        return self.cleaned_data
