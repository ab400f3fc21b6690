"""Values that several parts of a page need, read once for each request."""

from collections.abc import Callable
from typing import Final, TypeVar, cast

from django.http import HttpRequest

from apikeys.models import KeyCensus
from health.incidents import open_incidents
from health.models import Incident

# A client can't send header fields that have such names in `META`.
_INCIDENTS: Final = "latchkey.open_incidents"
_CENSUS: Final = "latchkey.key_census"

T = TypeVar("T")


def open_incidents_of(request: HttpRequest) -> list[Incident]:
    """Return the open incidents, the oldest first."""
    return _once(request, _INCIDENTS, open_incidents)


def key_census_of(request: HttpRequest) -> KeyCensus | None:
    """Return the key counts that this page shows, or those that were stored last; None if keys were never counted."""
    return _once(request, _CENSUS, lambda: KeyCensus.objects.filter(id=1).first())


def show_census(request: HttpRequest, census: KeyCensus) -> KeyCensus:
    """Show these key counts on the whole page. Return them."""
    request.META[_CENSUS] = census
    return census


def _once(request: HttpRequest, name: str, read: Callable[[], T]) -> T:
    if name not in request.META:
        request.META[name] = read()
    return cast(T, request.META[name])
