"""Pages that change the limits that the keys of an owner share."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils import timezone

from apikeys.models import Owner
from apikeys.policies.lookup import limits_of_stored_owner
from console.limits.views import AdjustView, EndOverrideView, OverrideView, Subject, SubjectView
from console.owners.views import owner_url


class _OfOwner(SubjectView):
    """A page about an owner, which its slug names."""

    layout = "console/owners/base.html"

    def find(self, ident: str) -> Subject:
        owner = get_object_or_404(Owner, slug=ident)
        if not self.model_admin.has_change_permission(self.request, owner):
            raise PermissionDenied
        limits = limits_of_stored_owner(owner, timezone.now())
        return Subject("owner", owner.slug, owner_url(owner), limits, {"owner": owner})


class OwnerOverrideView(_OfOwner, OverrideView):
    """Page that grants an override to an owner."""


class OwnerEndOverrideView(_OfOwner, EndOverrideView):
    """Page that ends an override of an owner."""


class OwnerAdjustView(_OfOwner, AdjustView):
    """Page that adjusts what is used of a limit of an owner."""
