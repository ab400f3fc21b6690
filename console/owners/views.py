"""Helpers of the pages of owners."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from apikeys.models import Owner

if TYPE_CHECKING:
    OwnerModelAdmin = ModelAdmin[Owner]
else:
    OwnerModelAdmin = ModelAdmin


def owner_url(owner: Owner, page: str = "change") -> str:
    """Return the URL of a page of the owner."""
    return reverse(f"admin:apikeys_owner_{page}", args=[owner.slug])


def keys_url(name: str) -> str:
    """Return the URL of the list of the keys that have this owner."""
    return reverse("admin:apikeys_apikey_changelist", query={"owner": name})


def require_view(request: HttpRequest, model_admin: OwnerModelAdmin) -> None:
    """Raise PermissionDenied without the view permission."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied


def render(
    request: HttpRequest, model_admin: OwnerModelAdmin, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Return a page about owners in the layout of the admin."""
    whole = {**model_admin.admin_site.each_context(request), "opts": Owner._meta, **context}
    return TemplateResponse(request, f"console/owners/{name}.html", whole, status=status)
