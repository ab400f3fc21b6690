"""Pages of roles: all of them as a table, one with its form, a new one, and the confirmation of a deletion."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from access.abilities import ABILITIES, abilities_of
from access.people import Rejected
from access.role_changes import CustomRoles, is_built_in
from access.roles import Role
from access.stale_form_guard import FIELD, StalePage, state_of
from console.roles.forms import RoleForm

if TYPE_CHECKING:
    RoleModelAdmin = ModelAdmin[Group]
else:
    RoleModelAdmin = ModelAdmin

_ORDER = list(Role)


def role_table(request: HttpRequest, model_admin: RoleModelAdmin) -> HttpResponse:
    """Return the page with all roles and what each may do. Raise PermissionDenied without the view permission."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    if request.GET:
        raise BadRequest("The list of roles has no parameters.")
    groups = sorted(Group.objects.prefetch_related("permissions__content_type"), key=_rank)
    allowed = [abilities_of(group) for group in groups]
    rows = [(text, [name in one for one in allowed]) for name, text in ABILITIES.items()]
    context = {"title": "Roles", "groups": groups, "rows": rows, "may_add": model_admin.has_add_permission(request)}
    return _render(request, model_admin, "table", context)


def add_role(request: HttpRequest, model_admin: RoleModelAdmin) -> HttpResponse:
    """Return the form; once it is submitted, add the role. Raise PermissionDenied without the add permission."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = RoleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            CustomRoles(request).add(form.cleaned_data["name"], set(form.cleaned_data["abilities"]))
            messages.success(request, "Role added.")
            return redirect("admin:auth_group_changelist")
        except Rejected as error:
            form.add_error(None, str(error))
    return _render(request, model_admin, "add", {"title": "Add a role", "form": form})


def role_page(request: HttpRequest, model_admin: RoleModelAdmin, group_id: int) -> HttpResponse:
    """Return the page of a role; on POST, change it. Raise PermissionDenied without the permission for that."""
    group = get_object_or_404(Group, pk=group_id)
    may_change = model_admin.has_change_permission(request, group)
    reads = request.method in ("GET", "HEAD")
    if not may_change and not (reads and model_admin.has_view_permission(request)):
        raise PermissionDenied
    # A copy: validation writes what was typed into the instance.
    form = RoleForm(None if reads else request.POST, instance=Group.objects.get(pk=group_id))
    status = 200
    if not reads and form.is_valid():
        try:
            values = form.cleaned_data
            CustomRoles(request).change(group, request.POST.get(FIELD, ""), values["name"], set(values["abilities"]))
            messages.success(request, "Saved.")
            return redirect("admin:auth_group_change", group.pk)
        except StalePage as error:
            messages.error(request, str(error))
            status = 409
        except Rejected as error:
            form.add_error(None, str(error))
    group = get_object_or_404(Group, pk=group_id)
    allowed = abilities_of(group)
    context = {
        "title": group.name,
        "form": form,
        "abilities": [text for name, text in ABILITIES.items() if name in allowed],
        "people": list(group.user_set.order_by("username")[:100]),
        "may_change": may_change,
        "may_delete": model_admin.has_delete_permission(request, group),
        **_about(group),
    }
    return _render(request, model_admin, "role", context, status)


def delete_role(request: HttpRequest, model_admin: RoleModelAdmin, group_id: int) -> HttpResponse:
    """Return the confirmation; on POST, delete the role. Raise PermissionDenied without the delete permission."""
    group = get_object_or_404(Group, pk=group_id)
    if not model_admin.has_delete_permission(request, group):
        raise PermissionDenied
    form, status = forms.Form(request.POST or None), 200
    if request.method == "POST":
        try:
            CustomRoles(request).remove(group, request.POST.get(FIELD, ""))
            messages.success(request, f"The role {group.name} was deleted.")
            return redirect("admin:auth_group_changelist")
        except StalePage as error:
            messages.error(request, str(error))
            status = 409
        except Rejected as error:
            messages.error(request, str(error))
    context = {"title": "Delete the role", "form": form, **_about(get_object_or_404(Group, pk=group_id))}
    return _render(request, model_admin, "delete", context, status)


def _rank(group: Group) -> tuple[int, str]:
    """Return the place of a role in the table: Latchkey's own first, from the least to the most."""
    return (_ORDER.index(Role(group.name)) if is_built_in(group) else len(_ORDER), group.name)


def _about(group: Group) -> dict[str, Any]:
    return {"group": group, "known_state": state_of(group), "built_in": is_built_in(group)}


def _render(
    request: HttpRequest, model_admin: RoleModelAdmin, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    whole = {**model_admin.admin_site.each_context(request), "opts": Group._meta, **context}
    return TemplateResponse(request, f"console/roles/{name}.html", whole, status=status)
