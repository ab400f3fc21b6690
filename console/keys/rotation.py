"""Pages that rotate a key: create a new secret, watch the old one drain, and end it."""

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.rotation import Rotation, rotation_of
from console.keys.secret_page import secret_page
from console.keys.views import KeyActionView, render
from console.single_use_form import SingleUseForm, mark_as_sent
from events.change import change
from latchkey.rotation import DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS
from ratelimit.limiter import default_limiter

GRACES: Final = (
    (3600, "1 hour"),
    (DEFAULT_GRACE_SECONDS, "1 day"),
    (604_800, "7 days"),
    (MAX_GRACE_SECONDS, "30 days"),
    (0, "None: the old secret ends immediately"),
)


class RotateForm(SingleUseForm):
    """Form for the grace period: how long the old secret continues to work."""

    grace_seconds = forms.TypedChoiceField(
        choices=GRACES, coerce=int, initial=DEFAULT_GRACE_SECONDS, label="The old secret works for"
    )


class RotateView(KeyActionView):
    """Page that creates a new secret, and shows it in this response only."""

    title = "Rotate the secret"
    template = "console/keys/rotate.html"
    form_class = RotateForm
    preserved_fields = ("grace_seconds",)

    def context(self) -> dict[str, Any]:
        return {"rotation": rotation_of(self.key, timezone.now(), default_limiter())}

    def apply(self, service: ConfigService, values: dict[str, Any]) -> HttpResponse:
        # One transaction: the form counts as sent if and only if the secret was rotated.
        with change():
            mark_as_sent(values["once"], timezone.now())
            issued = service.rotate(self.key.key_id, {"grace_seconds": values["grace_seconds"]})
        return secret_page(self.request, self.model_admin, issued, title="New secret")


class FinishForm(forms.Form):
    """Form that ends a rotation; `anyway` confirms the end of one that isn't ready."""

    anyway = forms.BooleanField(
        required=False, label="End the old secret anyway and lock out clients that still use it"
    )


class FinishView(KeyActionView):
    """Page that ends the retiring secret now.

    If the rotation isn't ready, it says who would be locked out, and requires a confirmation.
    """

    title = "Finish the rotation"
    template = "console/keys/finish.html"
    form_class = FinishForm

    def context(self) -> dict[str, Any]:
        return {"rotation": self.rotation}

    def page(self, form: forms.Form) -> HttpResponse:
        if self.rotation is None or self.rotation.is_ready:
            form.fields.pop("anyway")
        return super().page(form)

    def apply(self, service: ConfigService, values: dict[str, Any]) -> HttpResponse:
        if self.rotation and not self.rotation.is_ready and not values["anyway"]:
            # The page may have been opened without the box, if the rotation was ready then and no longer is.
            form = FinishForm(self.request.POST)
            form.add_error("anyway", f"{self.rotation.doubt} To end the old secret anyway, select this box.")
            return self.page(form)
        service.finish_rotation(self.key.key_id)
        return self.done("Rotation finished. The old secret no longer works.")

    @property
    def rotation(self) -> Rotation | None:
        """The current rotation, or None if there is none."""
        return rotation_of(self.key, timezone.now(), default_limiter())


class DrainView(KeyActionView):
    """Fragment with the state of the rotation, which the key's page loads to refresh it."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, key_id: str) -> HttpResponse:
        now = timezone.now()
        context = {"key": self.key, "rotation": rotation_of(self.key, now, default_limiter()), "now": now}
        response = render(request, self.model_admin, "console/keys/drain.html", context)
        response["Cache-Control"] = "no-store"
        return response
