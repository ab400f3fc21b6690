"""Pages that change one key: its limit, whether it is enabled, and its revocation."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpResponse

from access.secret_free_form import SecretFreeForm
from apikeys.config_service import ConfigService
from console.formatting import format_limit
from console.keys.views import KeyActionView
from latchkey.strict_json import MalformedJSON, loads
from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS, LimitError, parse_limit


def _number_input(most: int) -> forms.NumberInput:
    return forms.NumberInput(attrs={"min": 1, "max": most})


class LimitForm(SecretFreeForm, forms.Form):
    """Form for a limit: burst and refill period, or the explicit choice of no limit.

    It applies the same rules as the REST API (`parse_limit`).
    """

    burst = forms.CharField(required=False, label="Burst", widget=_number_input(MAX_BURST))
    per_seconds = forms.CharField(
        required=False, label="Refill period (seconds)", widget=_number_input(MAX_PER_SECONDS)
    )
    unlimited = forms.BooleanField(required=False, label="Unlimited (opens an incident, unless a plan limits the key)")

    def clean(self) -> dict[str, Any]:
        given = [name for name in ("burst", "per_seconds") if self.cleaned_data.get(name)]
        if self.cleaned_data.get("unlimited"):
            if given:
                self.add_error("unlimited", "Enter a limit or select Unlimited, not both.")
            return super().clean()
        try:
            parse_limit(self.rate_limit())
        except LimitError as error:
            for fault in error.errors:
                self.add_error(fault.pointer.strip("/") or None, fault.detail)
        return super().clean()

    def rate_limit(self) -> dict[str, object] | None:
        """Return the entered limit as JSON; None means unlimited."""
        return rate_limit_of(self.cleaned_data)


def rate_limit_of(values: Mapping[str, Any]) -> dict[str, object] | None:
    """Return the limit in the form's values as JSON; None means unlimited."""
    if values["unlimited"]:
        return None
    return {name: _parse_json_or_text(values[name]) for name in ("burst", "per_seconds")}


def _parse_json_or_text(text: str) -> object:
    # Parsed as JSON, not by a form field, so that `parse_limit` sees the same value as over REST and reports the same
    # errors, also for text that is no number.
    try:
        return loads(text)
    except MalformedJSON:
        return text


def limit_initial(rate_limit: dict[str, int] | None) -> dict[str, Any]:
    """Return the form's initial values for a limit; None means unlimited."""
    return dict(rate_limit) if rate_limit else {"unlimited": True}


class LimitView(KeyActionView):
    """Page that changes the limit, which applies from the next request on."""

    title = "Change the limit"
    template = "console/keys/limit.html"
    form_class = LimitForm
    preserved_fields = ("burst", "per_seconds", "unlimited")

    def initial(self) -> dict[str, Any]:
        # A link that undoes a change names the limit before it.
        named = {name: self.request.GET[name] for name in LimitForm.base_fields if name in self.request.GET}
        return named or limit_initial(self.key.rate_limit)

    def apply(self, service: ConfigService, values: dict[str, Any]) -> HttpResponse:
        before = limit_initial(self.key.rate_limit)
        changed = service.update(self.key.key_id, {"rate_limit": rate_limit_of(values)})
        return self.done(f"New limit: {format_limit(changed.limit)}.", undo=self.page_url("limit", before))


class EnableForm(forms.Form):
    """Form for the intended state: enabled or disabled."""

    # The form names the state instead of toggling it, because the key may have changed since the page was opened.
    enabled = forms.TypedChoiceField(
        choices=(("yes", "yes"), ("no", "no")), coerce=lambda value: value == "yes", widget=forms.HiddenInput
    )


class EnableView(KeyActionView):
    """Page that disables an enabled key, and enables a disabled one."""

    title = "Disable or enable"
    template = "console/keys/enable.html"
    form_class = EnableForm

    def initial(self) -> dict[str, Any]:
        return {"enabled": "no" if self.key.enabled else "yes"}

    def apply(self, service: ConfigService, values: dict[str, Any]) -> HttpResponse:
        enabled: bool = values["enabled"]
        service.update(self.key.key_id, {"enabled": enabled})
        if enabled:
            return self.done("Key enabled.")
        return self.done("Key disabled. Its requests are rejected.", undo=self.page_url("enable"))


class RevokeForm(forms.Form):
    """Form that confirms the revocation, which can't be undone."""

    confirm = forms.BooleanField(label="Revoke this key permanently")


class RevokeView(KeyActionView):
    """Page that revokes the key permanently."""

    title = "Revoke the key"
    template = "console/keys/revoke.html"
    form_class = RevokeForm

    def apply(self, service: ConfigService, values: dict[str, Any]) -> HttpResponse:
        service.revoke(self.key.key_id)
        return self.done("Key revoked.")
