"""Rotating a key: a new secret, the drain of the old one, and its end."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, KeySecret, SecretState
from console.keys.secret_page import secret_page
from console.keys.views import KeyActionView, render
from console.once import OnceForm, spend
from ratelimit.limiter import default_limiter

RECENTLY: Final = timedelta(hours=1)
GRACES: Final = (
    (3600, "1 hour"),
    (86_400, "1 day"),
    (604_800, "7 days"),
    (2_592_000, "30 days"),
    (0, "None: the old secret ends at once"),
)


class RotateForm(OnceForm):
    """How long the old secret works on."""

    grace_seconds = forms.TypedChoiceField(choices=GRACES, coerce=int, initial=86_400, label="The old secret works for")


class RotateView(KeyActionView):
    """Makes a new secret, and shows it in this answer alone."""

    title = "Rotate the secret"
    template = "console/keys/rotate.html"
    form_class = RotateForm

    def context(self) -> dict[str, Any]:
        return {"drain": drain_of(self.key)}

    def act(self, service: ConfigService, values: dict[str, Any]) -> HttpResponse:
        with transaction.atomic():
            spend(values["once"], timezone.now())
            issued = service.rotate(self.key.key_id, {"grace_seconds": values["grace_seconds"]})
        return secret_page(self.request, self.model_admin, issued, title="The new secret")


class FinishForm(forms.Form):
    """The end of a rotation; `anyway` is asked for where the old secret was used lately."""

    anyway = forms.BooleanField(required=False, label="End it all the same: whoever still uses it is locked out")


class FinishView(KeyActionView):
    """Ends the retiring secret now."""

    title = "Finish the rotation"
    template = "console/keys/finish.html"
    form_class = FinishForm

    def context(self) -> dict[str, Any]:
        return {"drain": drain_of(self.key)}

    def act(self, service: ConfigService, values: dict[str, Any]) -> HttpResponse:
        drain = drain_of(self.key)
        if drain and drain["used_recently"] and not values["anyway"]:
            form = FinishForm(self.request.POST)
            form.add_error("anyway", "The old secret was used within the last hour. Confirm that it is to end.")
            return self.page(form)
        service.finish_rotation(self.key.key_id)
        return self.done("The old secret has ended.")


class DrainView(KeyActionView):
    """The state of the drain alone, for the key's page to show it anew."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        context = {"key": self.key, "drain": drain_of(self.key), "now": timezone.now()}
        response = render(request, self.model_admin, "console/keys/drain.html", context)
        response["Cache-Control"] = "no-store"
        return response


def drain_of(key: APIKey) -> dict[str, Any] | None:
    """The retiring secret with its last use as the bucket store knows it; None where no rotation is under way."""
    now = timezone.now()
    secret = KeySecret.objects.filter(key=key, state=SecretState.RETIRING, expires_at__gt=now).first()
    if secret is None:
        return None
    record = default_limiter().store.peek(key.key_id.encode())
    used = max((moment for moment in (secret.last_used_at, secret.last_use_in(record)) if moment), default=None)
    began = KeySecret.objects.filter(key=key, state=SecretState.ACTIVE).values_list("created_at", flat=True).first()
    return {
        "ends_at": secret.expires_at,
        "last_used_at": used,
        "used_since": bool(used and began and used > began),
        "used_recently": bool(used and used > now - RECENTLY),
    }
