"""ASGI: a middleware that protects a whole app, of any framework: Starlette, FastAPI, Litestar, Quart."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final, Unpack

from latchkey.integrations.configuration import Configuration, Options
from latchkey.integrations.guard import AsyncGuard
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.needs import Needs
from latchkey.integrations.outcome import Denied, Outcome, replace_fields
from latchkey.integrations.principal import Principal
from latchkey.integrations.rules import AmbiguousPath, Rule, rule_for
from latchkey.integrations.visit import Visit

__all__ = ["LatchkeyMiddleware", "Principal", "Rule"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

STATE: Final = "latchkey"
_VISIT: Final = "latchkey.visit"
_HAVE_FIELDS: Final = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_POLICY_VIOLATION: Final = 1008


class LatchkeyMiddleware:
    """Middleware that lets a request or a WebSocket pass only with a valid key, as `rules` say.

    `scope["state"]["latchkey"]` is its Principal: `request.state.latchkey` in Starlette and FastAPI. Raises
    ConfigurationError.
    """

    def __init__(self, app: App, *, rules: Sequence[Rule] = (), **options: Unpack[Options]) -> None:
        self._app = app
        self._rules = tuple(rules)
        self._guard = AsyncGuard(Configuration.read(**options))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, a WebSocket, or the life of the app."""
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await self._guard.aclose()
            return
        request = incoming(scope)
        try:
            rule = rule_for(self._rules, scope.get("method", "GET"), request.path)
        except AmbiguousPath as error:
            await send_denied(self._guard.policy.deny(request, error), scope, send)
            return
        if rule.public:
            await self._app(scope, receive, send)
            return
        visit = visit_of(scope)
        outcome: Outcome = await self._guard.admit(request, Needs.of(rule.scopes, rule.cost, rule.costs), visit)
        if isinstance(outcome, Denied):
            await send_denied(outcome, scope, send)
            return
        scope.setdefault("state", {})[STATE] = outcome.principal
        await self._app(scope, receive, with_fields(send, visit))


def visit_of(scope: Scope) -> Visit:
    """Return the visit that a scope stands for, which all that guard its request share."""
    found: Visit = scope.setdefault(_VISIT, Visit())
    return found


def incoming(scope: Scope) -> IncomingRequest:
    """Return the request of an ASGI scope."""
    root: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    # The path begins with the root path if the app is mounted; some servers leave it out.
    if root and path.startswith(root + "/"):
        path = path.removeprefix(root)

    def header(name: str) -> str | None:
        wanted = name.lower().encode()
        values = [value.decode("latin-1") for found, value in scope["headers"] if found.lower() == wanted]
        return ",".join(values) if values else None

    return IncomingRequest.of(path, header)


def with_fields(send: Send, visit: Visit) -> Send:
    """Return `send` that adds the fields of a visit, as they are then, to the head of a response."""

    async def sending(message: Message) -> None:
        if message["type"] in _HAVE_FIELDS:
            message = {**message, "headers": replace_fields(message.get("headers") or (), visit.fields)}
        await send(message)

    return sending


async def send_denied(denied: Denied, scope: Scope, send: Send) -> None:
    """Send a problem response, also to a client that asks for a WebSocket."""
    prefix = ""
    if scope["type"] == "websocket":
        prefix = "websocket."
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            # The client gets a 403 without a body.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
    size = ("Content-Length", str(len(denied.body)))
    head = {"status": denied.status, "headers": replace_fields((), (*denied.fields, size))}
    await send({"type": f"{prefix}http.response.start", **head})
    await send({"type": f"{prefix}http.response.body", "body": denied.body})
