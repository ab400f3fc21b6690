"""Pages that change the limits that a key has itself by a plan."""

from django.core.exceptions import PermissionDenied
from django.utils import timezone

from apikeys.policies.effective import SUBJECT_KEY
from apikeys.policies.lookup import limits_of_stored_key
from console.keys.views import key_or_404, key_url
from console.limits.views import AdjustView, EndOverrideView, OverrideView, Subject, SubjectView


class _OfKey(SubjectView):
    """A page about a key, which its ID names."""

    layout = "console/base.html"

    def find(self, ident: str) -> Subject:
        key = key_or_404(ident)
        if not self.model_admin.has_change_permission(self.request, key):
            raise PermissionDenied
        limits = limits_of_stored_key(key, timezone.now())
        own = tuple(limit for limit in limits if limit.subject == SUBJECT_KEY)
        return Subject("key_id", key.key_id, key_url(key), own, {"key": key})


class KeyOverrideView(_OfKey, OverrideView):
    """Page that grants an override to a key."""


class KeyEndOverrideView(_OfKey, EndOverrideView):
    """Page that ends an override of a key."""


class KeyAdjustView(_OfKey, AdjustView):
    """Page that adjusts what is used of a limit of a key."""
