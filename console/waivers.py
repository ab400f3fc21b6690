"""Waivers in the admin: operators grant them with a reason and an end, can end them early, and can't change them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from access.secret_free_form import SecretFreeForm
from console.operator import operator_origin
from console.read_only_admin import ReadOnlyAdmin
from console.time_field import HELP, TimeField
from events.lock_timeout import record_lock_timeout
from health.guard_rails import BY_NAME
from health.models import Waiver
from health.waivers import MAX_DURATION, WaiverNotFound, Waivers, clean_waiver
from latchkey.problems import ProblemError


class WaiverForm(SecretFreeForm, forms.ModelForm):  # type: ignore[type-arg]
    """Form for a new waiver. It applies the rules of `Waivers`, and shows every error next to its field."""

    guard_rail = forms.ChoiceField(choices=[(name, name) for name in BY_NAME])
    ends_at = TimeField(
        label="Ends at (UTC)",
        help_text=f"{HELP} At most {MAX_DURATION.days} days from now. After that, the guard rail alerts again.",
    )

    class Meta:
        model = Waiver
        fields = ("guard_rail", "key_id", "reason", "ends_at")
        help_texts = {
            "key_id": "The key to waive the guard rail for. Leave empty for all keys.",
            "reason": "Why the violation is acceptable. The event log keeps this text.",
        }

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors:
            try:
                clean_waiver(self.values(), timezone.now())
            except ProblemError as error:
                for fault in error.errors:
                    self.add_error(fault.pointer.strip("/"), fault.detail)
                if not error.errors:
                    self.add_error("key_id", error.detail)
        return self.cleaned_data

    def values(self) -> dict[str, Any]:
        """Return the fields that were filled in."""
        return {name: value for name, value in self.cleaned_data.items() if value != ""}


@admin.register(Waiver)
class WaiverAdmin(ReadOnlyAdmin):
    """Waivers: can be granted and ended early, but not changed or deleted."""

    form = WaiverForm
    list_display = ("guard_rail", "for_whom", "reason", "granted_by", "ends_at", "state_now")
    actions = ("end",)

    @admin.display(description="applies to")
    def for_whom(self, waiver: Waiver) -> str:
        """Return the key ID that the waiver is for, or "all"."""
        return waiver.key_id or "all"

    @admin.display(description="state")
    def state_now(self, waiver: Waiver) -> str:
        """Return whether the waiver is active or ended."""
        return "active" if waiver.ended_at is None and waiver.ends_at > timezone.now() else "ended"

    @admin.action(description="End now", permissions=["add"])
    def end(self, request: HttpRequest, queryset: QuerySet[Waiver]) -> None:
        """End the selected waivers; their guard rails alert again immediately."""
        ended = 0
        for waiver_id in queryset.values_list("pk", flat=True):
            try:
                Waivers(operator_origin(request)).end(waiver_id)
            except WaiverNotFound:
                # Not an error here: the waiver was ended in the meantime.
                continue
            except OperationalError as error:
                record_lock_timeout(error)
                text = "The database can't be changed right now. The remaining waivers are still active."
                self.message_user(request, text, messages.ERROR)
                break
            ended += 1
        self.message_user(request, f"Waivers ended: {ended}.")

    def save_model(self, request: HttpRequest, obj: Waiver, form: Any, change: bool) -> None:
        obj.pk = Waivers(operator_origin(request)).grant(form.values()).pk
        obj.refresh_from_db()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Do nothing: the event log is the audit trail, so Django's own log isn't written."""
