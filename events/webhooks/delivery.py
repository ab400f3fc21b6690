"""One attempt to deliver: a POST with a deadline, to an address that is allowed."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpcore
from django.conf import settings
from django.utils import timezone

from events.webhooks.guarded_network import AddressRefused, GuardedNetwork, Resolve, resolve_host
from events.webhooks.outcome import Outcome, reason
from events.webhooks.retry_after import retry_after_seconds

DEADLINE_SECONDS: Final = 10.0
USER_AGENT: Final = "Latchkey-Webhooks"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a JSON body, and the header fields that sign it."""

    fields: dict[str, str]
    body: bytes


async def deliver(url: str, message: Message, *, resolve: Resolve = resolve_host) -> Outcome:
    """Sends `message` to `url` within 10 seconds, name resolution and all. Every failure is an outcome.

    A redirect is not followed, as it may lead where nobody meant to send, and no proxy of the environment is asked, as
    it would resolve the name itself and pass the guard by.
    """
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await _post(url, message, resolve)
    except AddressRefused as refusal:
        return Outcome(error=str(refusal), refused=True)
    except (TimeoutError, httpcore.TimeoutException):
        return Outcome(error="time-out")
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:  # TLS alerts come as they are
        return Outcome(error=reason(error))


async def _post(url: str, message: Message, resolve: Resolve) -> Outcome:
    parts = urlsplit(url)
    network = GuardedNetwork(settings.WEBHOOK_ALLOWED_NETWORKS, public=parts.scheme == "https", resolve=resolve)
    fields = {
        "Host": parts.netloc,  # httpcore would leave the brackets of an IPv6 address out
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Connection": "close",
        **message.fields,
    }
    async with (
        httpcore.AsyncConnectionPool(ssl_context=_tls(), network_backend=network) as pool,
        pool.stream("POST", url, headers=list(fields.items()), content=message.body) as response,
    ):
        return _outcome(response)  # the body is left unread: it says nothing that counts, and may have no end


def _outcome(response: httpcore.Response) -> Outcome:
    if 200 <= response.status < 300:
        return Outcome(response.status)
    answer = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    wish = retry_after_seconds(answer.get(b"retry-after", ""), timezone.now())
    return Outcome(response.status, f"HTTP {response.status}", retry_after_seconds=wish)


@cache
def _tls() -> ssl.SSLContext:
    """Trust in the system's authorities, loaded once for the process."""
    return ssl.create_default_context()
