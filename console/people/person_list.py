"""List of people: who they are, in which state, and when they last signed in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from access.one_time_link import link_end
from console.people.state import FILTERS, TONES, PersonState, person_state
from console.people.views import PersonModelAdmin, render

PAGE: Final = 50
_PARAMETERS: Final = {"q", "state", "after"}
_MAX_QUERY: Final = 150


@dataclass(frozen=True, slots=True)
class Row:
    """One person as shown in the list."""

    user: User
    roles: list[str]
    state: PersonState
    tone: str
    link_end: datetime | None
    has_authenticator: bool


def person_list(request: HttpRequest, model_admin: PersonModelAdmin) -> HttpResponse:
    """Return the page of people that match, by name, after the name in the parameter `after`.

    Raise BadRequest for a parameter that the list doesn't have.
    """
    state, typed = request.GET.get("state", ""), request.GET.get("q", "").strip()[:_MAX_QUERY]
    if set(request.GET) - _PARAMETERS or state not in ("", *PersonState):
        raise BadRequest("The list of people doesn't have this filter.")
    found = User.objects.order_by("username").prefetch_related("groups", "totpdevice_set")
    if state:
        found = found.filter(FILTERS[PersonState(state)])
    if typed:
        found = found.filter(username__icontains=typed)
    if after := request.GET.get("after", ""):
        found = found.filter(username__gt=after)
    # One more than is shown: it reveals whether there is a next page, without a count.
    listed = list(found[: PAGE + 1])
    filters = request.GET.copy()
    filters.pop("after", None)
    context = {
        "title": "People",
        "rows": [_row(user) for user in listed[:PAGE]],
        "states": list(PersonState),
        "state": state,
        "q": typed,
        "filters": filters.urlencode(),
        "next": listed[PAGE - 1].get_username() if len(listed) > PAGE else None,
        "may_invite": model_admin.has_add_permission(request),
    }
    return render(request, model_admin, "console/people/list.html", context)


def _row(user: Any) -> Row:
    state = person_state(user)
    return Row(
        user=user,
        roles=sorted(group.name for group in user.groups.all()),
        state=state,
        tone=TONES.get(state, state),
        link_end=link_end(user),
        # Filter in Python: the query has prefetched the devices of all rows.
        has_authenticator=any(device.confirmed for device in user.totpdevice_set.all()),
    )
