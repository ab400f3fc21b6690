"""Complete responses: collects Django's response, so that its thread or queue slot is free before a client reads."""

from httpserver.asgi_types import ASGIApplication, Message, Receive, Scope


async def buffered_response(django: ASGIApplication, scope: Scope, receive: Receive) -> list[Message]:
    """Return all messages of the response. Django holds it in memory anyway, so this costs little."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await django(scope, receive, keep)
    return messages
