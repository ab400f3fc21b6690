"""Search box in the header: takes what someone has at hand, and opens the page about it.

The text is posted, because people paste whole credentials, and an address ends up in logs and in the browser's history.
"""

import re
from typing import Final

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apikeys.models import APIKey, Owner, Plan
from apikeys.pages import MAX_QUERY
from console.identifiers import WEBHOOK_ID_PATTERN
from events.models import Event, WebhookEndpoint
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.redaction import redact_tokens

_KEY: Final = re.compile(rf"{KEY_ID_PATTERN.pattern}(?![a-z0-9])")
_WEBHOOK: Final = re.compile(rf"{WEBHOOK_ID_PATTERN.pattern}(?![a-z0-9])")
_EVENT: Final = re.compile(r"(?:evt_|event )([0-9]{1,18})", re.ASCII)


@require_POST
def find(request: HttpRequest) -> HttpResponse:
    """Redirect to the key, webhook, owner, plan, event or request that the text names, or to the keys that match it.

    A credential is enough to find its key. Nothing of its secret is kept.
    """
    text = request.POST.get("q", "").replace("\x00", "").strip()
    found = _page_about(request, text)
    if found:
        return redirect(found)
    if request.user.has_perm("apikeys.view_apikey"):
        return redirect(reverse("admin:apikeys_apikey_changelist", query={"q": redact_tokens(text)[:MAX_QUERY]}))
    messages.warning(request, "Nothing was found.")
    return redirect("admin:index")


def _page_about(request: HttpRequest, text: str) -> str | None:
    """Return the address of the one page that the text names, or None."""
    if request.user.has_perm("apikeys.view_apikey") and (match := _KEY.search(text)):
        key = APIKey.objects.filter(key_id=match[0]).exists()
        return reverse("admin:apikeys_apikey_change", args=[match[0]]) if key else None
    if request.user.has_perm("events.view_webhookendpoint") and (match := _WEBHOOK.search(text)):
        webhook = WebhookEndpoint.objects.filter(endpoint_id=match[0]).exists()
        return reverse("admin:events_webhookendpoint_change", args=[match[0]]) if webhook else None
    if found := _owner_or_plan(request, text):
        return found
    if not request.user.has_perm("events.view_event"):
        return None
    if (match := _EVENT.fullmatch(text)) and Event.objects.filter(pk=match[1]).exists():
        return reverse("admin:events_event_change", args=[match[1]])
    if text and len(text) <= MAX_QUERY and Event.objects.filter(request_id=text).exists():
        return reverse("admin:events_event_changelist", query={"q": text})
    return None


def _owner_or_plan(request: HttpRequest, text: str) -> str | None:
    """Return the address of the owner or the plan whose whole name this is, or None."""
    if not text or len(text) > MAX_QUERY:
        return None
    if request.user.has_perm("apikeys.view_owner"):
        named = Owner.objects.filter(Q(name=text) | Q(slug=text) | Q(display_name__iexact=text))
        if slugs := list(named.values_list("slug", flat=True)[:2]):
            # Several owners may have the same display name.
            several = reverse("admin:apikeys_owner_changelist", query={"q": text})
            return several if len(slugs) > 1 else reverse("admin:apikeys_owner_change", args=[slugs[0]])
    if request.user.has_perm("apikeys.view_plan") and Plan.objects.filter(name=text).exists():
        return reverse("admin:apikeys_plan_change", args=[text])
    return None
