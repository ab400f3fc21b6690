"""Django: a middleware that protects the project's views, and a decorator that names the scopes and cost of one.

For views of Django REST framework, use `latchkey.integrations.drf`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from latchkey.integrations.django_project import async_guard, guard, incoming, problem_response
from latchkey.integrations.needs import Needs
from latchkey.integrations.outcome import Allowed, Denied, Outcome
from latchkey.integrations.principal import Principal
from latchkey.integrations.rules import Rule
from latchkey.integrations.visit import Visit

__all__ = ["LatchkeyMiddleware", "Principal", "require_key"]

View = Callable[..., Any]

_NEEDS: Final = "latchkey_needs"
_ALLOWED: Final = "_latchkey_allowed"


class LatchkeyMiddleware:
    """Middleware that lets a request reach a view only with a valid key. `request.latchkey` is its Principal.

    Paths in the setting `LATCHKEY_PUBLIC_PATHS`, and paths below them, need no key, unless their view has
    `require_key`. Raises ImproperlyConfigured.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        paths: Sequence[str] = getattr(settings, "LATCHKEY_PUBLIC_PATHS", ())
        # A text is a sequence too, and its first character would make every path public.
        if isinstance(paths, str) or not all(path.startswith("/") for path in paths):
            raise ImproperlyConfigured("LATCHKEY_PUBLIC_PATHS must be a list of paths that begin with /.")
        self._public = tuple(Rule(path, public=True) for path in paths)
        self.process_view: Callable[..., Any]
        # The first call of a guard reads the settings: an error in them ends the start of the server.
        if self._is_async:
            markcoroutinefunction(self)
            async_guard()
            self.process_view = self._process_view_async
        else:
            guard()
            self.process_view = self._process_view

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Handle a request."""
        if self._is_async:
            return self._call_async(request)
        return _with_fields(request, self._get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        return _with_fields(request, await self._get_response(request))

    def _process_view(self, request: HttpRequest, view: View, *_: object) -> HttpResponse | None:
        needs = self._needs(request, view)
        if not needs:
            return None
        return _admit(request, guard().admit(incoming(request), needs, Visit()))

    async def _process_view_async(self, request: HttpRequest, view: View, *_: object) -> HttpResponse | None:
        needs = self._needs(request, view)
        if not needs:
            return None
        return _admit(
            request, await async_guard().check(incoming(request), needs.scopes, needs.tokens, needs.other_costs)
        )

    def _needs(self, request: HttpRequest, view: View) -> Needs | None:
        """Return what a view needs, or None if it's public."""
        needs: Needs | None = getattr(view, _NEEDS, None)
        if needs is None and any(rule.matches("", request.path_info) for rule in self._public):
            return None
        return needs or Needs()


def require_key(*scopes: str, cost: int = 1, costs: Mapping[str, int] | None = None) -> Callable[[View], View]:
    """Return a decorator of views that need a key with all of `scopes`, which pays `cost` tokens and `costs` by unit.

    Without scopes, any valid key will do. The project needs LatchkeyMiddleware: without it, the view raises
    ImproperlyConfigured.
    """

    def decorate(view: View) -> View:
        # The middleware reads what is needed before it calls the view. The check here also holds if another decorator
        # hides that from the middleware.
        if iscoroutinefunction(view):

            @wraps(view)
            async def protected(request: HttpRequest, *arguments: Any, **named: Any) -> Any:
                return _deny(request, scopes) or await view(request, *arguments, **named)
        else:

            @wraps(view)
            def protected(request: HttpRequest, *arguments: Any, **named: Any) -> Any:
                return _deny(request, scopes) or view(request, *arguments, **named)

        inner: Needs = getattr(view, _NEEDS, Needs())
        setattr(protected, _NEEDS, inner.joined(Needs.of(scopes, cost, costs)))
        return protected

    return decorate


def _admit(request: HttpRequest, outcome: Outcome) -> HttpResponse | None:
    """Return the response to a request that may not pass, or None."""
    if isinstance(outcome, Denied):
        return problem_response(outcome)
    setattr(request, _ALLOWED, outcome)
    request.latchkey = outcome.principal  # type: ignore[attr-defined]
    return None


def _deny(request: HttpRequest, scopes: Sequence[str]) -> HttpResponse | None:
    """Return the response if the request's key lacks one of `scopes`, or None."""
    allowed: Allowed | None = getattr(request, _ALLOWED, None)
    if allowed is None:
        raise ImproperlyConfigured("Add latchkey.integrations.django.LatchkeyMiddleware to MIDDLEWARE.")
    policy = guard().policy
    missing = policy.missing_scope(allowed.principal, scopes)
    return None if missing is None else problem_response(policy.deny_scope(incoming(request), missing, allowed.fields))


def _with_fields(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    allowed: Allowed | None = getattr(request, _ALLOWED, None)
    for name, value in allowed.fields if allowed else ():
        response[name] = value
    return response
