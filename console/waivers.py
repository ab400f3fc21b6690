"""Waivers in the admin: granted with a reason and an end, ended early by an action, and never changed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from console.events import ReadOnlyAdmin
from console.operator import operator_origin
from health.guard_rails import BY_NAME
from health.models import Waiver
from health.waivers import WaiverNotFound, Waivers, clean_waiver
from latchkey.problems import ProblemError


class WaiverForm(forms.ModelForm):  # type: ignore[type-arg]
    """A waiver to be granted, judged by the rules of `Waivers`, each fault beside its field."""

    guard_rail = forms.ChoiceField(choices=[(name, name) for name in BY_NAME])

    class Meta:
        model = Waiver
        fields = ("guard_rail", "key_id", "reason", "ends_at")
        help_texts = {
            "key_id": "For this key alone; empty: for all.",
            "reason": "Why this is right. It is kept in the event log.",
            "ends_at": "UTC, at most 366 days ahead; then the guard rail speaks again.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "ends_at" in self.fields:  # a waiver that is shown has none to fill in
            parts: Any = self.fields["ends_at"].widget
            for part, name in zip(parts.widgets, ("Date of the end", "Time of the end"), strict=True):
                part.attrs["aria-label"] = name

    def clean(self) -> dict[str, Any]:
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
        """What was filled in."""
        return {name: value for name, value in self.cleaned_data.items() if value != ""}


@admin.register(Waiver)
class WaiverAdmin(ReadOnlyAdmin):
    """Waivers: granted here with a reason and an end, ended early by an action, and never changed."""

    form = WaiverForm
    list_display = ("guard_rail", "for_whom", "reason", "granted_by", "ends_at", "state_now")
    actions = ("end",)

    @admin.display(description="for")
    def for_whom(self, waiver: Waiver) -> str:
        """The key, or all."""
        return waiver.key_id or "all"

    @admin.display(description="state")
    def state_now(self, waiver: Waiver) -> str:
        """Whether it holds."""
        return "in force" if waiver.ended_at is None and waiver.ends_at > timezone.now() else "ended"

    @admin.action(description="End now", permissions=["add"])
    def end(self, request: HttpRequest, queryset: QuerySet[Waiver]) -> None:
        """Ends the chosen waivers; their guard rails speak again at once."""
        ended = 0
        for waiver_id in queryset.values_list("pk", flat=True):
            try:
                Waivers(operator_origin(request)).end(waiver_id)
            except WaiverNotFound:
                continue
            ended += 1
        self.message_user(request, f"{ended} ended.")

    def save_model(self, request: HttpRequest, obj: Waiver, form: Any, change: bool) -> None:
        obj.pk = Waivers(operator_origin(request)).grant(form.values()).pk
        obj.refresh_from_db()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing: the event log is the audit trail."""
