"""Django's answer as a whole: who holds a place for Django gives it up before a client reads, who may take a minute."""

from controlplane.server.asgi_types import ASGIApplication, Message, Receive, Scope


async def whole_answer(django: ASGIApplication, scope: Scope, receive: Receive) -> list[Message]:
    """Return the messages of the answer. Django has it in memory anyway."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await django(scope, receive, keep)
    return messages
