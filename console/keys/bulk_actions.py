"""Bulk actions: what can be done to many keys at once, with the form and the change of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms

from access.secret_free_form import SecretFreeForm
from apikeys.config_service import ConfigService
from console.keys.changes import LimitForm
from console.keys.edit_form import NO_OWN_PLAN
from console.limits.plan_field import PlanField
from console.time_field import HELP, TimeField
from latchkey.validation import MAX_TEXT


class OwnerForm(SecretFreeForm, forms.Form):
    """Form for a new owner, or the explicit choice of none."""

    owner = forms.CharField(max_length=MAX_TEXT, required=False, help_text="Who is responsible for the keys.")
    no_owner = forms.BooleanField(required=False, label="Remove the owner")

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if "owner" in values and bool(values["owner"]) == values["no_owner"]:
            self.add_error("owner", "Enter an owner, or select Remove the owner.")
        return values


class PlanForm(forms.Form):
    """Form for a new plan of the keys, or none."""

    plan = PlanField(for_keys=True, none=NO_OWN_PLAN)


class RevokeManyForm(forms.Form):
    """Form that confirms the revocation of several keys."""

    confirm = forms.BooleanField(label="Revoke these keys permanently")


class ExpiryForm(forms.Form):
    """Form for a new expiry, or the explicit choice of none."""

    expires_at = TimeField(label="Expires at (UTC)", required=False, help_text=HELP)
    never = forms.BooleanField(required=False, label="Never")

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if "expires_at" in values and bool(values["expires_at"]) == values["never"]:
            self.add_error("expires_at", "Enter a time, or select Never.")
        return values


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action on many keys.

    `announcement` ends the sentence "3 keys ...". `change` applies the form's values to one key. An action that is
    `final` can't be undone, so its form is sent again if a key has changed.
    """

    title: str
    announcement: str
    form: type[forms.Form]
    change: Callable[[ConfigService, str, Any], object]
    final: bool = False


def _update(values: Callable[[Any], Mapping[str, Any]]) -> Callable[[ConfigService, str, Any], object]:
    return lambda service, key_id, form: service.update(key_id, values(form))


ACTIONS: Final[Mapping[str, BulkAction]] = {
    "limit": BulkAction(
        "Change the limit",
        "will get the limit below, from the next request on",
        LimitForm,
        _update(lambda form: {"rate_limit": form.rate_limit()}),
    ),
    "owner": BulkAction(
        "Change the owner",
        "will get the owner below",
        OwnerForm,
        _update(lambda form: {"owner": form.cleaned_data["owner"]}),
    ),
    "plan": BulkAction(
        "Change the plan",
        "will get the plan below, and its limits from the next request on",
        PlanForm,
        _update(lambda form: {"plan": form.cleaned_data["plan"]}),
    ),
    "expiry": BulkAction(
        "Change the expiry",
        "will get the expiry below",
        ExpiryForm,
        _update(lambda form: {"expires_at": form.cleaned_data["expires_at"]}),
    ),
    "disable": BulkAction(
        "Disable", "will be disabled, from the next request on", forms.Form, _update(lambda _: {"enabled": False})
    ),
    "enable": BulkAction(
        "Enable", "will be enabled, from the next request on", forms.Form, _update(lambda _: {"enabled": True})
    ),
    "revoke": BulkAction(
        "Revoke permanently",
        "will be revoked permanently, from the next request on",
        RevokeManyForm,
        lambda service, key_id, _: service.revoke(key_id),
        final=True,
    ),
}
