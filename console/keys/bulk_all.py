"""Bulk changes to all keys that a list matches, on every page of it: a preview, then steps of a bounded size.

Each step is one request, so no request takes long, the operator sees how far it is, and can stop. All state is in the
form. A step that is sent twice changes nothing the second time.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone

from apikeys.models import APIKeyQuerySet
from console.keys.bulk_actions import ACTIONS, BulkAction
from console.keys.outcomes import MOST_REASONS, NO_OUTCOMES, Outcomes, add_up, apply_to
from console.keys.query import KeyQuery
from console.keys.views import KeyModelAdmin, render
from console.operator import config_service_for

STEP: Final = 100
SHOWN: Final = 10
_LARGEST: Final = (1 << 63) - 1


def _number() -> forms.IntegerField:
    return forms.IntegerField(min_value=0, max_value=_LARGEST, widget=forms.HiddenInput)


class ProgressFields(forms.Form):
    """Hidden fields of a bulk change under way."""

    below, through, total = _number(), _number(), _number()
    changed, same, rejected = _number(), _number(), _number()
    reasons = forms.CharField(required=False, widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a bulk change of `total` keys is. Keys with a primary key of `below` or more are done or newer.

    The next step ends with the primary key `through`, 0 in the last step. A step that is sent again must not go on to
    other keys only because those of the first time no longer match.
    """

    below: int
    through: int
    total: int
    outcomes: Outcomes = NO_OUTCOMES

    @classmethod
    def of(cls, data: QueryDict) -> "Progress | None":
        """Return the progress that a form contains, or None if it contains none."""
        fields = ProgressFields(data)
        if not fields.is_valid():
            return None
        values = fields.cleaned_data
        reasons = tuple(values.pop("reasons").splitlines()[:MOST_REASONS])
        place = (values.pop("below"), values.pop("through"), values.pop("total"))
        return cls(*place, Outcomes(**values, reasons=reasons))

    def fields(self) -> ProgressFields:
        """Return the hidden fields that the next step needs."""
        done = self.outcomes
        place = {"below": self.below, "through": self.through, "total": self.total}
        counts = {"changed": done.changed, "same": done.same, "rejected": done.rejected}
        return ProgressFields(initial={**place, **counts, "reasons": "\n".join(done.reasons)})


def change_all(request: HttpRequest, model_admin: KeyModelAdmin) -> HttpResponse:
    """Return the preview of an action on all keys that the list matches; once it is confirmed, apply it step by step.

    Keys that were issued after the preview stay as they are. Raise PermissionDenied without the change permission.
    """
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    back, action = request.get_full_path(), request.POST.get("action", "")
    if action not in ACTIONS:
        messages.warning(request, "Select an action.")
        return redirect(back)
    query = KeyQuery.of(request.GET)
    if not query.is_all_of(request.GET):
        # The list ignores what it doesn't know. A change of all that match must not reach more keys than asked for.
        messages.error(
            request, "This address has a filter that doesn't exist, or too long a search. Nothing was changed."
        )
        return redirect("admin:apikeys_apikey_changelist")
    keys = query.keys(timezone.now()).filter(revoked_at=None).order_by("-pk")
    progress = Progress.of(request.POST) if "confirmed" in request.POST else None
    form = ACTIONS[action].form(request.POST if progress else None)
    context = {"title": ACTIONS[action].title, "action": action, "chosen": ACTIONS[action], "form": form, "back": back}
    if progress is None or not form.is_valid():
        return _preview(request, model_admin, keys, context)
    progress, is_last = _step(request, keys, ACTIONS[action], form, progress)
    if is_last:
        return redirect(back)
    return render(request, model_admin, "console/keys/progress.html", {**context, "progress": progress})


def _preview(
    request: HttpRequest, model_admin: KeyModelAdmin, keys: APIKeyQuerySet, context: dict[str, Any]
) -> HttpResponse:
    """Return the page that says how many keys would be changed, and shows the newest of them."""
    sample = list(keys.prefetch_related("usage_marks")[:SHOWN])
    if not sample:
        messages.warning(request, "No key matches that can be changed.")
        return redirect(context["back"])
    below = sample[0].pk + 1
    context |= {"keys": sample, "progress": Progress(below, _end_of_step(keys, below), keys.count())}
    return render(request, model_admin, "console/keys/bulk.html", context)


def _step(
    request: HttpRequest, keys: APIKeyQuerySet, action: BulkAction, form: Any, progress: Progress
) -> tuple[Progress, bool]:
    """Change the next STEP keys; return the new progress, and whether that was the last step.

    After the last one, and if the database can't be changed, add the outcomes to the page's messages.
    """
    batch = list(keys.filter(pk__lt=progress.below, pk__gte=progress.through)[:STEP])
    service = config_service_for(request)
    outcomes = add_up((apply_to(service, action, form, key) for key in batch), progress.outcomes)
    done = outcomes.total - progress.outcomes.total
    if done < len(batch):
        outcomes.show(request, left=max(progress.total - outcomes.total, 1))
        return progress, True
    # More keys may match by now than did when the end of the step was determined.
    below = batch[-1].pk if len(batch) == STEP else progress.through
    if not below:
        outcomes.show(request)
        return progress, True
    return replace(progress, below=below, through=_end_of_step(keys, below), outcomes=outcomes), False


def _end_of_step(keys: APIKeyQuerySet, below: int) -> int:
    """Return the primary key of the last key of the step that begins below `below`, or 0 if it is the last step."""
    return next(iter(keys.filter(pk__lt=below).values_list("pk", flat=True)[STEP - 1 : STEP]), 0)
