"""Keys in Django's admin: every change goes through ConfigService, and nothing here shows a secret."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from apikeys import validation, webhook_admin  # noqa: F401 - registers the webhooks' admin
from apikeys.errors import AlreadyRevoked
from apikeys.models import APIKey
from apikeys.operator import operator_service
from latchkey.validation import InvalidParameters, clean
from ratelimit.fields import StrictJSONFormField

EDITABLE = ("label", "owner", "scopes", "rate_limit", "expires_at", "enabled", "metadata")
READ_ONLY = ("key_id", "state_now", "created_at", "revoked_at", "last_used_at", "epoch")


class APIKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A key's form. What was changed is judged by the rules of ConfigService, each fault beside its field."""

    known_epoch = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = APIKey
        fields = EDITABLE
        field_classes = {"scopes": StrictJSONFormField, "metadata": StrictJSONFormField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["known_epoch"].initial = self.instance.epoch

    def clean_scopes(self) -> object:
        """An empty box is no scopes."""
        return [] if self.cleaned_data["scopes"] is None else self.cleaned_data["scopes"]

    def clean_metadata(self) -> object:
        """An empty box is no metadata."""
        return {} if self.cleaned_data["metadata"] is None else self.cleaned_data["metadata"]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("known_epoch") != self.instance.epoch:
            self.add_error(None, "The key was changed since this page was loaded. Load it again.")
        try:
            clean(self.changes(), validation.UPDATE_RULES, timezone.now())
        except InvalidParameters as error:
            for fault in error.errors:
                _, name, *inner = fault.pointer.split("/")
                self.add_error(name, f"/{'/'.join(inner)}: {fault.detail}" if inner else fault.detail)
        return self.cleaned_data

    def changes(self) -> dict[str, Any]:
        """The fields that were changed and have a value."""
        return {
            name: self.cleaned_data[name]
            for name in self.changed_data
            if name in EDITABLE and name in self.cleaned_data
        }


@admin.register(APIKey)
class APIKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Keys: shown, changed through ConfigService, and never deleted. Keys are issued over REST or by `issue_key`."""

    form = APIKeyForm
    fields = (*EDITABLE, *READ_ONLY, "known_epoch")
    readonly_fields = READ_ONLY
    list_display = ("key_id", "label", "owner", "state_now", "rate_limit", "last_used_at")
    search_fields = ("key_id", "label", "owner")
    show_full_result_count = False
    actions = ("revoke",)

    @admin.display(description="state")
    def state_now(self, key: APIKey) -> str:
        """The key's state at this moment."""
        return key.state(timezone.now()).label

    @admin.action(description="Revoke, for ever", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> HttpResponse | None:
        """Revokes the chosen keys, once that was confirmed on a page that lists them."""
        if "confirmed" not in request.POST:
            context = {**self.admin_site.each_context(request), "title": "Revoke for ever?", "keys": queryset}
            return TemplateResponse(request, "admin/apikeys/confirm_revocation.html", context)
        service = operator_service(request)
        revoked = 0
        for key_id in queryset.values_list("key_id", flat=True):
            try:
                service.revoke(key_id)
            except AlreadyRevoked:
                continue
            revoked += 1
        self.message_user(request, f"{revoked} revoked.")
        return None

    def save_model(self, request: HttpRequest, obj: APIKey, form: Any, change: bool) -> None:
        operator_service(request).update(obj.key_id, form.changes())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.revoked_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        return False

    def log_change(self, request: HttpRequest, obj: APIKey, message: Any) -> Any:
        """Nothing: the event log is the audit trail."""
