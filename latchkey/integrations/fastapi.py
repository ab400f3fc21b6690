"""FastAPI: a dependency that protects a path operation, and appears in the app's OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from functools import reduce
from typing import Annotated, Any, Final, Unpack

from fastapi import FastAPI, HTTPException, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from latchkey import headers
from latchkey.integrations.asgi import App, Receive, Scope, Send, incoming, send_denied, visit_of, with_fields
from latchkey.integrations.configuration import Configuration, Options
from latchkey.integrations.guard import AsyncGuard
from latchkey.integrations.needs import Needs
from latchkey.integrations.outcome import Denied
from latchkey.integrations.principal import Principal

__all__ = ["Principal", "install", "require_key"]

_GUARD: Final = "latchkey.guard"
_NEEDS: Final = "latchkey_needs"
_api_key = APIKeyHeader(
    name=headers.API_KEY, scheme_name="LatchkeyKey", description="An API key: `key_id:secret`.", auto_error=False
)
_bearer = HTTPBearer(
    scheme_name="LatchkeyBearer", bearerFormat="key_id:secret", description="The same API key.", auto_error=False
)


class Denial(HTTPException):
    """The exception with which the dependency ends a request that may not pass."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.status, denied.error.detail)
        self.denied = denied


class _Visits:
    """Middleware that adds the fields to each response, and turns a denial into its problem response."""

    def __init__(self, app: App, guard: AsyncGuard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await self._guard.aclose()
            return
        scope[_GUARD] = self._guard
        await self._app(scope, receive, with_fields(send, visit_of(scope)))


def install(app: FastAPI, **options: Unpack[Options]) -> None:
    """Prepare `app` for `require_key`. Raises ConfigurationError.

    Settings that aren't in `options` are read from the environment.
    """
    app.add_middleware(_Visits, guard=AsyncGuard(Configuration.read(**options)))
    app.add_exception_handler(Denial, _respond)


def require_key(
    *scopes: str, cost: int = 1, costs: Mapping[str, int] | None = None
) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency that lets requests pass with a valid key with all of `scopes`, which pays `cost` tokens and
    `costs` in other units.

    Without scopes, any valid key will do. Its value is the Principal. A request that passes several of these
    dependencies, for example that of a router and that of an operation, is verified once, and pays the highest cost in
    each unit.
    """
    needs = Needs.of(scopes, cost, costs)

    async def latchkey(
        connection: HTTPConnection,
        _documented: Annotated[Any, Security(_api_key)],
        _also_documented: Annotated[Any, Security(_bearer)],
    ) -> Principal:
        return await _admit(connection.scope, needs)

    setattr(latchkey, _NEEDS, needs)
    return latchkey


async def _admit(scope: Scope, needs: Needs) -> Principal:
    """Return the principal. Raises Denial."""
    guard: AsyncGuard | None = scope.get(_GUARD)
    if guard is None:
        raise RuntimeError("The app isn't prepared. Call latchkey.integrations.fastapi.install(app).")
    # What is taken one after the other could be refused halfway, again and again.
    costs = needs.joined(_all_needs(_dependant(scope))).costs
    outcome = await guard.admit(incoming(scope), Needs(needs.scopes, costs), visit_of(scope))
    if isinstance(outcome, Denied):
        raise Denial(outcome)
    return outcome.principal


def _dependant(scope: Scope) -> object:
    """Return the tree of the dependencies of an operation, or None if this version of FastAPI doesn't show it."""
    # In recent versions, that of the route lacks the dependencies of the router that includes it.
    of_router = scope.get("fastapi", {}).get("effective_route_context")
    return getattr(of_router or scope.get("route"), "dependant", None)


def _all_needs(dependant: object) -> Needs:
    """Return what all dependencies of an operation need together."""
    own: Needs = getattr(getattr(dependant, "call", None), _NEEDS, Needs())
    return reduce(Needs.joined, map(_all_needs, getattr(dependant, "dependencies", ())), own)


class _ProblemResponse(Response):
    """Problem response, also to a client that asks for a WebSocket."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.body, denied.status)
        self._denied = denied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_denied(self._denied, scope, send)


async def _respond(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Denial):
        raise error
    return _ProblemResponse(error.denied)
