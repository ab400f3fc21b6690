"""Flask: a decorator that protects a view.

To protect a whole app, use the middleware in `latchkey.integrations.wsgi`.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, Unpack

from flask import Flask, Response, after_this_request, current_app, g, request

from latchkey.integrations.configuration import Configuration, Options
from latchkey.integrations.guard import Guard
from latchkey.integrations.needs import Needs
from latchkey.integrations.outcome import Denied
from latchkey.integrations.principal import Principal
from latchkey.integrations.visit import Visit
from latchkey.integrations.wsgi import VISIT_KEY, incoming

__all__ = ["Principal", "install", "require_key"]

_EXTENSION: Final = "latchkey"
_NEEDS: Final = "latchkey_needs"

View = Callable[..., Any]


def install(app: Flask, **options: Unpack[Options]) -> None:
    """Read the settings now, and set `g.latchkey` behind the middleware for WSGI too. Raises ConfigurationError.

    Settings that aren't in `options` are read from `app.config` and the environment.
    """
    app.extensions[_EXTENSION] = Guard(Configuration.read(app.config.get, **options))
    app.before_request(_name_caller)


def require_key(*scopes: str, cost: int = 1, costs: Mapping[str, int] | None = None) -> Callable[[View], View]:
    """Return a decorator of views that need a valid key with all of `scopes`, which pays `cost` tokens and `costs` by
    unit.

    Without scopes, any valid key will do. `g.latchkey` is the Principal within the view. Write the decorator below
    the one with the route. A request that passes several of them, or the middleware for WSGI too, pays the highest cost
    in each unit. If the app has no `install`, a request raises ConfigurationError if a setting is missing or invalid.
    """

    def decorate(view: View) -> View:
        inner: Needs = getattr(view, _NEEDS, Needs())
        needs = inner.joined(Needs.of(scopes, cost, costs))

        @wraps(view)
        def protected(*arguments: Any, **named: Any) -> Any:
            return _deny(needs) or current_app.ensure_sync(view)(*arguments, **named)

        setattr(protected, _NEEDS, needs)
        return protected

    return decorate


def _deny(needs: Needs) -> Response | None:
    """Return the response to a request that may not pass, or None."""
    visit = _visit()
    outcome = _guard().admit(incoming(request.environ), needs, visit)
    if isinstance(outcome, Denied):
        return Response(outcome.body, outcome.status, list(outcome.fields))
    g.latchkey = outcome.principal
    return None


def _visit() -> Visit:
    """Return the visit of the request, which the middleware may have begun."""
    found: Visit | None = request.environ.get(VISIT_KEY)
    if found is None:
        found = request.environ[VISIT_KEY] = Visit()
        after_this_request(lambda response: _with_fields(response, found))
    return found


def _name_caller() -> None:
    visit: Visit | None = request.environ.get(VISIT_KEY)
    if visit is not None:
        g.latchkey = visit.principal


def _guard() -> Guard:
    """Return the guard of the app, which all its threads share."""
    app = current_app
    guard = app.extensions.get(_EXTENSION)
    if guard is None:
        # Two threads may both get here. One of the guards is dropped; it has no connections yet.
        guard = app.extensions.setdefault(_EXTENSION, Guard(Configuration.read(app.config.get)))
    found: Guard = guard
    return found


def _with_fields(response: Response, visit: Visit) -> Response:
    for name, value in visit.fields:
        response.headers[name] = value
    return response
