"""Verification of the event log from the browser: one batch per request, so that no request takes long."""

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST, require_safe

from apikeys.peppers import configured_peppers
from events.chain_verification import Break, ChainPosition
from events.models import ChainHead, Event, Patrol
from events.verification import start_position, verify_batch


@require_safe
def verification_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Return the page with the result of the steward's last integrity scan, and a button to verify the whole log now.

    Raise PermissionDenied without permission to view events.
    """
    _require_view(request)
    context = {
        **site.each_context(request),
        "title": "Verify the event log",
        "opts": Event._meta,
        "patrol": Patrol.objects.filter(id=1).first(),
    }
    return TemplateResponse(request, "console/verification.html", context)


@require_POST
def verification_step(request: HttpRequest) -> JsonResponse:
    """Verify the next batch after `through` and `digest`, which the previous step returned.

    Without them, return the place to start at. The response has `through` and `digest` for the next step, `last` (the
    last ID of the log), `done`, and `broken` (a sentence, or null). If the log is broken, it has no `through` and
    `digest`. Raise PermissionDenied without permission to view events.
    """
    _require_view(request)
    through, digest = request.POST.get("through", ""), request.POST.get("digest", "")
    peppers = configured_peppers()
    # At most 18 digits, because more may exceed the database's integers.
    at_beginning = not (through.isascii() and through.isdigit() and len(through) < 19 and digest)
    place = start_position(peppers) if at_beginning else ChainPosition(int(through), digest)
    found = place if at_beginning or isinstance(place, Break) else verify_batch(place, peppers)
    head = ChainHead.objects.filter(id=1).values_list("last_id", flat=True).first() or 0
    if isinstance(found, Break):
        broken = f"Verification failed at event {found.event_id}: {found.reason}."
        return JsonResponse({"done": True, "last": head, "broken": broken})
    reached = found or place
    return JsonResponse(
        {"done": found is None, "last": head, "through": reached.event_id, "digest": reached.digest, "broken": None}  # type: ignore[union-attr]
    )


def _require_view(request: HttpRequest) -> None:
    if not request.user.has_perm("events.view_event"):
        raise PermissionDenied
