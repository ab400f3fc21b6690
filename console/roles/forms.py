"""Form of a custom role: its name, and its abilities in words."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group

from access.abilities import ABILITIES, abilities_of
from access.secret_free_form import SecretFreeForm


class RoleForm(SecretFreeForm, forms.ModelForm):  # type: ignore[type-arg]
    """Form for a custom role."""

    abilities = forms.MultipleChoiceField(
        choices=list(ABILITIES.items()),
        widget=forms.CheckboxSelectMultiple,
        label="May",
        help_text="A page that shows something needs the ability to see it, too.",
    )

    class Meta:
        model = Group
        fields = ("name",)

    def __init__(self, data: Any = None, *, instance: Group | None = None) -> None:
        super().__init__(data, instance=instance)
        if instance is not None:
            self.initial["abilities"] = sorted(abilities_of(instance))
