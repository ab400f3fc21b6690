"""Admin pages of users and groups. Every change here appends an event."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm, UserCreationForm
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from access import authenticators
from access.account_changes import append_change_event, changes_of
from access.second_factor import has_authenticator
from access.secret_free_form import SecretFreeForm
from access.stale_form_guard import StaleFormGuardAdmin, StaleFormGuardForm

GRANTABLE_APPS = ("apikeys", "events", "health", "auth")

for _model in (User, Group, TOTPDevice, StaticDevice):
    # django-otp registers pages for its devices, and they show the authenticators' keys.
    admin.site.unregister(_model)


class EventLoggingAdmin(StaleFormGuardAdmin):
    """Admin that appends an event for each change, in the same transaction, instead of Django's own log entries."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        return changes_of(form, added=add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        append_change_event(request, obj, "added", **message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if message:
            append_change_event(request, obj, "changed", **message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Do nothing: `delete_model` appends the event together with the deletion."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            append_change_event(request, obj, "deleted")
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        with transaction.atomic():
            for obj in queryset:
                self.delete_model(request, obj)


class RolesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """The groups of a user, each with a checkbox."""

    def __init__(self, *, required: bool) -> None:
        super().__init__(Group.objects.all(), required=required, label="Roles", widget=forms.CheckboxSelectMultiple)


class CreationForm(SecretFreeForm, UserCreationForm):  # type: ignore[type-arg]
    """Form for a new user. Without a role, a user could sign in and see nothing."""

    groups = RolesField(required=True)

    class Meta:
        model = User
        fields = ("username", "groups")


class OperatorForm(SecretFreeForm, StaleFormGuardForm, UserChangeForm):  # type: ignore[type-arg]
    """Form for a user that rejects changes based on an outdated page."""

    groups = RolesField(required=False)  # a superuser needs none


class GroupForm(SecretFreeForm, StaleFormGuardForm):
    """Form for a group's name and permissions that rejects changes based on an outdated page."""


@admin.register(User)
class OperatorAdmin(EventLoggingAdmin, UserAdmin):  # type: ignore[type-arg]
    """Admin of users. Only superusers create or change superusers."""

    form = OperatorForm
    add_form = CreationForm
    fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "groups", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2", "groups")}),)
    list_display = ("username", "roles", "is_active", "is_superuser", "authenticator", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    filter_horizontal = ()
    list_title = "Access"
    list_links = (("Groups", "auth_group_changelist", "auth.view_group"),)
    change_form_template = "admin/auth/user/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups", "totpdevice_set")

    @admin.display
    def roles(self, user: User) -> str:
        """Return the names of the user's groups."""
        return ", ".join(sorted(group.name for group in user.groups.all())) or "-"

    @admin.display(boolean=True, description="authenticator app")
    def authenticator(self, user: Any) -> bool:
        """Return whether the user has set up an authenticator app."""
        # Filter in Python: `get_queryset` has prefetched the devices of all rows.
        return any(device.confirmed for device in user.totpdevice_set.all())

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        dates = ("last_login", "date_joined")
        # Otherwise an administrator could become a superuser.
        return dates if request.user.is_superuser else (*dates, "is_superuser")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        # The form has no field for it, and without is_staff a user can't sign in.
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_change(request, obj)

    def get_urls(self) -> list[URLPattern]:
        reset = self.admin_site.admin_view(self.reset_authenticator)
        return [
            path("<int:user_id>/authenticator/", reset, name="auth_user_reset_authenticator"),
            *super().get_urls(),
        ]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def reset_authenticator(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Ask for confirmation, then remove the authenticator app that a user has lost."""
        user = get_object_or_404(User, pk=user_id)
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if request.method == "POST" and has_authenticator(user):
            if authenticators.remove(request, user, known=request.POST.get("known_authenticators", "")):
                messages.success(request, f"The authenticator app of {user.get_username()} was removed.")
            else:
                text = f"{user.get_username()} has replaced the app since this page was loaded. Nothing was removed."
                messages.error(request, text)
        if request.method == "POST":
            return redirect("admin:auth_user_change", user.pk)
        context = {**self.admin_site.each_context(request), "title": "Reset the authenticator app?", "original": user}
        context |= {"opts": self.opts, "has_authenticator": has_authenticator(user)}
        context |= {"known_authenticators": authenticators.identifier(user)}
        return TemplateResponse(request, "access/reset.html", context)


@admin.register(Group)
class RoleAdmin(EventLoggingAdmin, GroupAdmin):
    """Admin of groups, limited to the permissions that a page here requires."""

    form = GroupForm
    fields = ("name", "permissions")

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        kwargs["queryset"] = Permission.objects.filter(content_type__app_label__in=GRANTABLE_APPS)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


def _may_change(request: HttpRequest, user: User | None) -> bool:
    """Return whether the signed-in user may change this user."""
    return user is None or not user.is_superuser or request.user.is_superuser
