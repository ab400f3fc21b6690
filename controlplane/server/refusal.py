"""Problems that are answered before Django sees the request."""

import asyncio
import json
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import structlog
from django.conf import settings

from controlplane.server.asgi_types import Message, Scope, Send
from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE, problem_body
from latchkey.request_id import new_request_id, resolve_request_id

MAX_SEND_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)

_UNREADABLE: Final = {
    400: ("malformed-request", "This cannot be read as HTTP/1.1."),
    408: ("request-timeout", "The request's header did not arrive in time."),
    431: ("header-too-large", "The request's header has more than 32 KiB."),
}


class Answer:
    """Wraps `send`: remembers whether an answer was begun, after which none can be sent instead, and whether the client
    is `gone`: it went away, or does not read.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.gone = False

    async def send(self, message: Message) -> None:
        """Passes the message on, while there is somebody to take it."""
        if self.gone:
            return
        try:
            async with asyncio.timeout(MAX_SEND_SECONDS):
                await self._send(message)
            self.started = True
        except (TimeoutError, OSError):
            self.gone = True
        except RuntimeError as error:
            if "closed" not in str(error):  # the event loop's word for a connection that was lost
                raise
            self.gone = True


async def send_problem(scope: Scope, send: Send, slug: str, detail: str) -> None:
    """Answers with a problem and closes the connection, as the rest of the request was not read."""
    wanted = headers.REQUEST_ID.lower().encode()
    offered = next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), None)
    request_id = resolve_request_id(offered)
    client = scope.get("client")
    log.warning("refused", slug=slug, request_id=request_id, address=client[0] if client else "unknown")
    body = json.dumps(
        problem_body(slug, detail=detail, instance=scope["path"], request_id=request_id, public_url=settings.PUBLIC_URL)
    ).encode()
    fields = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Connection": "close",
        headers.REQUEST_ID: request_id,
    }
    await send(
        {
            "type": "http.response.start",
            "status": CATALOGUE[slug].status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


def refusal_of(status: int, client: tuple[str, int] | None, *, head_only: bool = False) -> bytes:
    """The whole answer to what cannot be read. What was asked for is not known, so `instance` is empty. `head_only`:
    the answer to HEAD, which has no body.
    """
    slug, detail = _UNREADABLE[status]
    request_id = new_request_id()
    log.warning("refused", slug=slug, request_id=request_id, address=client[0] if client else "unknown")
    shown = problem_body(slug, detail=detail, instance="", request_id=request_id, public_url=settings.PUBLIC_URL)
    body = json.dumps(shown).encode()
    phrase = HTTPStatus(status).phrase
    head = (
        f"HTTP/1.1 {status} {phrase}\r\ndate: {formatdate(usegmt=True)}\r\n"
        f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        f"{headers.REQUEST_ID.lower()}: {request_id}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else body)
