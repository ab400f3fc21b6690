"""Forms of people. The rules are those of `access.people`, which checks them again under the lock."""

from typing import Any

from django import forms
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError

from access.model_admin import is_row_number
from access.secret_free_form import SecretFreeForm


class NameField(UsernameField):
    """Field for the name of another person, in the form in which the sign-in looks it up (Unicode NFKC)."""

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Return the attributes of the box."""
        # Django's field is for one's own name, which a browser may fill in.
        return {**super().widget_attrs(widget), "autocomplete": "off"}


class RolesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Field for roles."""

    def clean(self, value: Any) -> Any:
        """Return the roles. Raises ValidationError for anything else than their primary keys."""
        # The database rejects a larger number with an error.
        if not all(is_row_number(str(number)) for number in value or ()):
            raise ValidationError("Select roles of this list.", code="invalid_choice")
        return super().clean(value)


class PersonForm(SecretFreeForm, forms.ModelForm):  # type: ignore[type-arg]
    """Form for a person's name and roles. `may_make_superusers` says whether it has a box for that too."""

    groups = RolesField(
        Group.objects.order_by("name"), required=False, label="Roles", widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = User
        fields = ("username", "groups", "is_superuser")
        field_classes = {"username": NameField}
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
        # SQLite compares only ASCII letters without case, and there are few people.
        others = User.objects.exclude(pk=self.instance.pk).values_list("username", flat=True)
        if name.casefold() in (other.casefold() for other in others):
            raise ValidationError("A person with this name already exists.", code="unique")
        return name


class ChangeForm(PersonForm):
    """Form for everything that an administrator decides about a person."""

    class Meta(PersonForm.Meta):
        fields = ("username", "first_name", "last_name", "email", "groups", "is_superuser")  # type: ignore[assignment]
