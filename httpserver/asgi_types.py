"""Types of an ASGI 3 application, as far as this package uses them."""

from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Fields = list[tuple[bytes, bytes]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
