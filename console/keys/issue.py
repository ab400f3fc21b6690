"""Page that issues a key."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from apikeys.config_service import IssuedKey
from apikeys.validation import MAX_METADATA_BYTES
from console.form_errors import show_problem
from console.keys.changes import LimitForm
from console.keys.edit_form import NO_OWN_PLAN
from console.keys.secret_page import secret_page
from console.keys.views import KeyModelAdmin, already_submitted_page, render
from console.limits.plan_field import PlanField
from console.operator import config_service_for
from console.single_use_form import AlreadySubmitted, SingleUseForm, mark_as_sent
from events.change import change
from latchkey.problems import ProblemError
from latchkey.validation import MAX_TEXT
from latchkey.verify_limit import verify_limit_hint
from ratelimit.fields import StrictJSONFormField

LIFETIMES = ((30, "30 days"), (90, "90 days"), (365, "1 year"), (0, "Never"))


class IssueForm(LimitForm, SingleUseForm):
    """Form for a new key."""

    label = forms.CharField(max_length=MAX_TEXT, help_text="What the key is for.")
    owner = forms.CharField(max_length=MAX_TEXT, required=False, help_text="Who is responsible for the key.")
    plan = PlanField(for_keys=True, none=NO_OWN_PLAN)
    scopes = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="One per line, for example orders:read."
    )
    lifetime_days = forms.TypedChoiceField(choices=LIFETIMES, coerce=int, initial=90, label="Expires after")
    metadata = StrictJSONFormField(
        required=False, initial={}, help_text=f"A JSON object of up to {MAX_METADATA_BYTES:,} bytes, for your own use."
    )

    field_order = (
        "label",
        "owner",
        "plan",
        "scopes",
        "burst",
        "per_seconds",
        "unlimited",
        "lifetime_days",
        "metadata",
    )

    def values(self) -> dict[str, Any]:
        """Return the key's fields as ConfigService expects them."""
        cleaned = self.cleaned_data
        values = {
            "label": cleaned["label"],
            "owner": cleaned["owner"],
            "plan": cleaned["plan"],
            "scopes": cleaned["scopes"].split(),
            "rate_limit": self.rate_limit(),
            "metadata": cleaned["metadata"] or {},
        }
        if cleaned["lifetime_days"]:
            values["expires_at"] = timezone.now() + timedelta(days=cleaned["lifetime_days"])
        return values


def issue_key(request: HttpRequest, model_admin: KeyModelAdmin, default_limit: dict[str, int] | None) -> HttpResponse:
    """Return the form; once it is submitted, issue the key and return the page with its credential.

    Raise PermissionDenied without the add permission.
    """
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = IssueForm(request.POST) if request.method == "POST" else IssueForm(initial=default_limit)
    if request.method == "POST" and form.is_valid():
        try:
            # One transaction: the form counts as sent if and only if the key is issued. A rejected form can be sent
            # again.
            with change():
                mark_as_sent(form.cleaned_data["once"], timezone.now())
                issued = config_service_for(request).issue(form.values())
            hint = _hint(issued, default_limit)
            return secret_page(request, model_admin, issued, title="Key issued", hint=hint)
        except AlreadySubmitted:
            return already_submitted_page(request, model_admin, reverse("admin:apikeys_apikey_changelist"))
        except ProblemError as error:
            show_problem(form, error)
    return render(request, model_admin, "console/keys/issue.html", {"title": "Issue a key", "form": form})


def _hint(issued: IssuedKey, default_limit: dict[str, int] | None) -> str | None:
    """Return a hint about the limit if the form left it at the default, or None."""
    if issued.key.rate_limit != default_limit:
        return None
    return verify_limit_hint(issued.key.scopes, default_limit, 'Change it on the key\'s page: "Change the limit".')
