"""Request bodies: read completely, within limits on size and time, before a thread is used for the request."""

import asyncio
from typing import Final

from httpserver.asgi_types import Fields, Message, Receive
from latchkey.strict_json import MAX_BYTES

MAX_BODY_SECONDS: Final = 10.0


class BodyTooLarge(Exception):
    """The body is larger than MAX_BYTES, according to its Content-Length or to the bytes received."""


class BodyTooSlow(Exception):
    """The body was not complete after MAX_BODY_SECONDS."""


class BodyCutOff(BodyTooSlow):
    """The client disconnected before the body was complete."""


async def bounded_body(fields: Fields, receive: Receive) -> tuple[Fields, Receive]:
    """Read the body. Return the request's fields and a `receive` that yields the whole body in one message.

    Raise BodyTooLarge, BodyTooSlow or BodyCutOff.
    """
    length = next((value for name, value in fields if name == b"content-length"), None)
    chunked = any(name == b"transfer-encoding" for name, _ in fields)
    if length is not None and int(length) > MAX_BYTES:
        raise BodyTooLarge
    # Without a body there is nothing to read, and the original `receive` still reports a disconnect.
    if not chunked and (length is None or int(length) == 0):
        return fields, receive
    try:
        async with asyncio.timeout(MAX_BODY_SECONDS):
            body = await _read(receive)
    except TimeoutError:
        raise BodyTooSlow from None
    if chunked:
        # Replace the chunked framing by a Content-Length, because WSGI has no other way to say how long a body is.
        kept = [field for field in fields if field[0] not in (b"transfer-encoding", b"content-length")]
        fields = [*kept, (b"content-length", str(len(body)).encode())]
    return fields, _replay(body, receive)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyCutOff
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    first = True

    async def replay() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay
