"""Responses to HTTP/1.0 clients, which don't understand chunks: the end of the connection marks the end of the body."""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from httpserver.asgi_types import Message, Receive, Scope, Send

OLD: Final = "1.0"


def closing(cycle: RequestResponseCycle, app: Any) -> Any:
    """Return `app` with its response sent unframed and terminated by connection close (RFC 9112, section 6.3)."""
    # uvicorn decides on chunking only if this is still None. It never keeps the connection of an HTTP/1.0 client alive.
    cycle.chunked_encoding = False

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_whole(message: Message) -> None:
            if message["type"] == "http.response.body":
                # uvicorn subtracts each part from the expected length and fails unless it ends at 0.
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_whole)

    return answer
