"""Protection against outdated pages: a form about a user or group is rejected if its data changed after the page
loaded.

Django's forms send every field, also unchanged ones. A page that was loaded before a user was deactivated would
activate that user again.
"""

import hashlib
import json
from typing import Any, Final

from django import forms
from django.http import HttpRequest

from access.account_changes import last_change
from access.model_admin import OperatorModelAdmin
from events.lock_timeout import set_lock_timeout

FIELD: Final = "known_state"


class StaleFormGuardForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form that is rejected if its fields no longer have the values that they had when it was rendered."""

    known_state = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._state = _digest({name: value for name, value in self.initial.items() if name in self.fields})
        self.fields[FIELD].initial = self._state
        # A new object has no previous state.
        if self.instance.pk is None:
            del self.fields[FIELD]

    def clean(self) -> Any:
        if self.cleaned_data.get(FIELD, self._state) != self._state:
            raise forms.ValidationError(
                f"{self.instance} was changed{last_change(self.instance)} after this page was loaded. Nothing was "
                "saved. Reload the page, review the change, then try again."
            )
        return super().clean()


class StaleFormGuardAdmin(OperatorModelAdmin):
    """Admin whose forms contain their state, and that locks the row until the change is saved."""

    form = StaleFormGuardForm
    change_form_template = "access/change_form.html"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST":
            return found
        set_lock_timeout()
        # Django reads the row, validates the form and saves. Without the lock another change could happen in
        # between.
        self.model._default_manager.select_for_update().filter(pk=found.pk).first()
        return super().get_object(request, object_id, from_field)


def _digest(values: dict[str, Any]) -> str:
    plain = {
        name: sorted(one.pk for one in value) if isinstance(value, list) else value for name, value in values.items()
    }
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()
