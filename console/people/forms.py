"""Forms of people. The rules are those of `access.people`, which checks them again under the lock."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError

from access.secret_free_form import SecretFreeForm


class PersonForm(SecretFreeForm, forms.ModelForm):  # type: ignore[type-arg]
    """Form for a person's name and roles. `may_make_superusers` says whether it has a box for that too."""

    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"), required=False, label="Roles", widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = User
        fields = ("username", "groups", "is_superuser")
        labels = {"username": "Name", "is_superuser": "Superuser"}
        help_texts = {
            "username": "What the person types to sign in, and what events show.",
            "is_superuser": "Can do everything, also change other superusers. A superuser needs no role.",
        }

    def __init__(self, *args: Any, may_make_superusers: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_make_superusers:
            del self.fields["is_superuser"]

    def clean_username(self) -> str:
        """Return the name. Raises ValidationError if another person has it, in upper or lower case."""
        name: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=name).exclude(pk=self.instance.pk).exists():
            raise ValidationError("A person with this name already exists.", code="unique")
        return name


class ChangeForm(PersonForm):
    """Form for everything that an administrator decides about a person."""

    class Meta(PersonForm.Meta):
        fields = ("username", "first_name", "last_name", "email", "groups", "is_superuser")  # type: ignore[assignment]
