"""Answers to clients of HTTP/1.0, which know no chunks: what has no length ends with the connection."""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from controlplane.server.asgi_types import Message, Receive, Scope, Send

OLD: Final = "1.0"


def closing(cycle: RequestResponseCycle, app: Any) -> Any:
    """`app`, whose answer is sent as it is and ended by closing (RFC 9112, section 6.3)."""
    cycle.chunked_encoding = False  # as if decided already; the connection of an old client is never kept

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_whole(message: Message) -> None:
            if message["type"] == "http.response.body":
                cycle.expected_content_length = len(message.get("body", b""))  # uvicorn counts it down to 0
            await send(message)

        await app(scope, receive, send_whole)

    return answer
