"""Forms of webhooks. The rules are those of WebhookService, which reports every error next to its field."""

from typing import Any

from django import forms

from access.secret_free_form import SecretFreeForm
from console.keys.rotation import GRACES
from console.single_use_form import SingleUseForm
from events.models import WebhookEndpoint
from events.types import EventType
from events.webhooks.validation import MAX_URL
from latchkey.rotation import DEFAULT_GRACE_SECONDS
from latchkey.validation import MAX_TEXT


class WebhookForm(SecretFreeForm, forms.Form):
    """Form for what an operator decides about a webhook."""

    url = forms.CharField(
        max_length=MAX_URL, label="URL", help_text="Where Latchkey sends events, for example https://…"
    )
    label = forms.CharField(max_length=MAX_TEXT, required=False, help_text="What the receiver is for.")
    event_types = forms.MultipleChoiceField(
        choices=[(name.value, name.value) for name in EventType],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Event types",
        help_text="Select none to send all events.",
    )

    def values(self) -> dict[str, Any]:
        """Return the fields as WebhookService expects them."""
        return {name: self.cleaned_data[name] for name in ("url", "label", "event_types")}


class AddWebhookForm(WebhookForm, SingleUseForm):
    """Form for a new webhook; it counts once, because the next page shows a secret."""


class RotateSecretForm(SingleUseForm):
    """Form for a new signing secret: how long the old one also signs."""

    grace_seconds = forms.TypedChoiceField(
        choices=GRACES, coerce=int, initial=DEFAULT_GRACE_SECONDS, label="The old secret also signs for"
    )


def form_of(webhook: WebhookEndpoint) -> WebhookForm:
    """Return the form with the webhook's current values."""
    return WebhookForm(initial={name: getattr(webhook, name) for name in WebhookForm.base_fields})
