"""Flask: a decorator that protects a view.

To protect a whole app, use the middleware in `latchkey.integrations.wsgi`.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

from flask import Response, after_this_request, current_app, g, request

from latchkey.integrations.configuration import Configuration
from latchkey.integrations.guard import Guard
from latchkey.integrations.outcome import Denied, Fields
from latchkey.integrations.principal import Principal
from latchkey.integrations.wsgi import incoming

__all__ = ["Principal", "require_scope"]

_EXTENSION: Final = "latchkey"

View = Callable[..., Any]


def require_scope(*scopes: str, cost: int = 1, costs: Mapping[str, int] | None = None) -> Callable[[View], View]:
    """Return a decorator of views that need a valid key with all of `scopes`, which pays `cost` tokens and `costs` by
    unit.

    Without scopes, any valid key will do. `g.latchkey` is the Principal within the view. Write the decorator below
    the one with the route. Settings are read from `app.config` or the environment; a request raises ConfigurationError
    if one is missing or invalid.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def protected(*arguments: Any, **named: Any) -> Any:
            outcome = _guard().check(incoming(request.environ), scopes, cost, costs)
            if isinstance(outcome, Denied):
                return Response(outcome.body, outcome.status, list(outcome.fields))
            after_this_request(lambda response: _with_fields(response, outcome.fields))
            g.latchkey = outcome.principal
            return current_app.ensure_sync(view)(*arguments, **named)

        return protected

    return decorate


def _guard() -> Guard:
    """Return the guard of the app, which all its threads share."""
    app = current_app
    guard = app.extensions.get(_EXTENSION)
    if guard is None:
        # Two threads may both get here. One of the guards is dropped; it has no connections yet.
        guard = app.extensions.setdefault(_EXTENSION, Guard(Configuration.read(app.config.get)))
    found: Guard = guard
    return found


def _with_fields(response: Response, fields: Fields) -> Response:
    for name, value in fields:
        response.headers[name] = value
    return response
