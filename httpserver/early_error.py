"""Early error responses: problems that are sent before Django sees the request."""

import asyncio
import json
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import structlog
from django.conf import settings

from httpserver.asgi_types import Message, Scope, Send
from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE, problem_body
from latchkey.request_id import new_request_id, resolve_request_id

MAX_SEND_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)

_REJECTIONS: Final = {
    400: ("malformed-request", "The request is not valid HTTP/1.1."),
    408: ("request-timeout", "The request's header did not arrive in time."),
    431: ("header-too-large", "The request's header has more than 32 KiB."),
}


class GuardedSend:
    """Wrapper of `send` that records whether a response has started, after which no other can be sent.

    `client_gone` is set once the client has disconnected or does not read.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.client_gone = False

    async def send(self, message: Message) -> None:
        """Forward the message, unless the client is gone. Give up after MAX_SEND_SECONDS."""
        if self.client_gone:
            return
        try:
            async with asyncio.timeout(MAX_SEND_SECONDS):
                await self._send(message)
            self.started = True
        except (TimeoutError, OSError):
            self.client_gone = True
        except RuntimeError as error:
            # The event loop raises a plain RuntimeError for a lost connection, so only the message distinguishes
            # it from a bug.
            if "closed" not in str(error):
                raise
            self.client_gone = True


async def send_problem(scope: Scope, send: Send, slug: str, detail: str) -> None:
    """Send a problem response and close the connection, because the rest of the request was not read."""
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


def rejection_response(status: int, client: tuple[str, int] | None, *, head_only: bool = False) -> bytes:
    """Return the complete response (as bytes) to a request that can't be parsed.

    `instance` is empty, because the path is unknown. With `head_only`, which answers HEAD, the body is left out.
    """
    slug, detail = _REJECTIONS[status]
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
