"""FastAPI: a dependency that protects a path operation, and appears in the app's OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Unpack

from fastapi import FastAPI, HTTPException, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from latchkey import headers
from latchkey.integrations.asgi import App, Receive, Scope, Send, incoming, send_denied, with_fields
from latchkey.integrations.configuration import Configuration, Options
from latchkey.integrations.guard import AsyncGuard
from latchkey.integrations.outcome import Denied, Fields
from latchkey.integrations.principal import Principal
from latchkey.limit_state import REQUESTS

__all__ = ["Principal", "install", "require_scope"]

_VISIT: Final = "latchkey.visit"
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


@dataclass(slots=True)
class _Visit:
    """A request on its way through the app: what it has paid so far."""

    guard: AsyncGuard
    principal: Principal | None = None
    fields: Fields = ()
    paid: dict[str, int] = field(default_factory=dict)


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
        visit = scope[_VISIT] = _Visit(self._guard)
        await self._app(scope, receive, with_fields(send, lambda: visit.fields))


def install(app: FastAPI, **options: Unpack[Options]) -> None:
    """Prepare `app` for `require_scope`. Raises ConfigurationError.

    Settings that aren't in `options` are read from the environment.
    """
    app.add_middleware(_Visits, guard=AsyncGuard(Configuration.read(**options)))
    app.add_exception_handler(Denial, _respond)


def require_scope(
    *scopes: str, cost: int = 1, costs: Mapping[str, int] | None = None
) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency that lets requests pass with a valid key with all of `scopes`, which pays `cost` tokens and
    `costs` in other units.

    Without scopes, any valid key will do. Its value is the Principal. A request that passes several of these
    dependencies, for example that of a router and that of an operation, pays the highest cost in each unit. If a later
    one is higher only in other units, it pays another token, because each verification costs at least one.
    """
    needed = {REQUESTS: cost, **(costs or {})}

    async def latchkey(
        connection: HTTPConnection,
        _documented: Annotated[Any, Security(_api_key)],
        _also_documented: Annotated[Any, Security(_bearer)],
    ) -> Principal:
        visit: _Visit | None = connection.scope.get(_VISIT)
        if visit is None:
            raise RuntimeError("The app isn't prepared. Call latchkey.integrations.fastapi.install(app).")
        return await _admit(visit, connection.scope, scopes, needed)

    return latchkey


async def _admit(visit: _Visit, scope: Scope, scopes: tuple[str, ...], needed: Mapping[str, int]) -> Principal:
    """Return the principal. Raises Denial."""
    request = incoming(scope)
    owed = {unit: cost - visit.paid.get(unit, 0) for unit, cost in needed.items()}
    owed = {unit: cost for unit, cost in owed.items() if cost > 0}
    if visit.principal is None or owed:
        outcome = await visit.guard.check(request, scopes, owed.pop(REQUESTS, 1), owed)
        if isinstance(outcome, Denied):
            # Its own fields are newer than those of an earlier dependency.
            visit.fields = ()
            raise Denial(outcome)
        visit.principal, visit.fields = outcome.principal, outcome.fields
        visit.paid |= {unit: max(cost, visit.paid.get(unit, 0)) for unit, cost in needed.items()}
    missing = visit.guard.policy.missing_scope(visit.principal, scopes)
    if missing is not None:
        raise Denial(visit.guard.policy.deny_scope(request, missing, visit.fields))
    return visit.principal


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
