"""Delivery attempt: one POST with a deadline, to an allowed address."""

import asyncio
import ssl
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpcore
from django.conf import settings
from django.utils import timezone

from events.webhooks.delivery_result import DeliveryResult, failure_reason
from events.webhooks.guarded_network import AddressNotAllowed, GuardedNetwork, Resolve, resolve_host
from events.webhooks.response_excerpt import read_excerpt
from events.webhooks.retry_after import parse_retry_after

DEADLINE_SECONDS: Final = 10.0
USER_AGENT: Final = "Latchkey-Webhooks"


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message to send: a JSON body, and the header fields that sign it.

    `secrets` are texts that must not be kept if the receiver sends them back.
    """

    headers: dict[str, str]
    body: bytes
    secrets: tuple[str, ...] = field(default=(), repr=False)


async def deliver(url: str, message: WebhookMessage, *, resolve: Resolve = resolve_host) -> DeliveryResult:
    """Send `message` to `url` within 10 seconds, including name resolution. Every failure is returned as a result.

    Redirects are not followed, because they may lead to an unintended receiver. Proxies of the environment are not
    used, because a proxy would resolve the name itself and bypass the address check.
    """
    try:
        async with asyncio.timeout(DEADLINE_SECONDS) as deadline:
            return await _post(url, message, resolve, deadline)
    except AddressNotAllowed as error:
        return DeliveryResult(error=str(error), refused=True)
    except (TimeoutError, httpcore.TimeoutException):
        return DeliveryResult(error="time-out")
    # TLS alerts arrive as plain OSErrors (ssl.SSLError).
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        return DeliveryResult(error=failure_reason(error))


def request_headers(url: str, message: WebhookMessage) -> dict[str, str]:
    """Return all header fields of the request, in the order in which they are sent."""
    return {
        # httpcore would omit the brackets of an IPv6 address.
        "Host": urlsplit(url).netloc,
        "Content-Type": "application/json",
        "Content-Length": str(len(message.body)),
        "User-Agent": USER_AGENT,
        "Connection": "close",
        **message.headers,
    }


async def _post(url: str, message: WebhookMessage, resolve: Resolve, deadline: asyncio.Timeout) -> DeliveryResult:
    public = urlsplit(url).scheme == "https"
    network = GuardedNetwork(settings.WEBHOOK_ALLOWED_NETWORKS, public=public, resolve=resolve)
    headers = list(request_headers(url, message).items())
    async with (
        httpcore.AsyncConnectionPool(ssl_context=_tls_context(), network_backend=network) as pool,
        pool.stream("POST", url, headers=headers, content=message.body) as response,
    ):
        # A slow or endless body must not turn a delivery into a failure, nor delay the next one: only its beginning is
        # read, for a moment, and never until the deadline.
        left = (deadline.when() or 0) - asyncio.get_running_loop().time()
        return _result(response, await read_excerpt(response, message.secrets, left / 2))


def _result(response: httpcore.Response, body: str) -> DeliveryResult:
    if 200 <= response.status < 300:
        return DeliveryResult(response.status, response_body=body)
    received = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    retry_after = parse_retry_after(received.get(b"retry-after", ""), timezone.now())
    error = f"HTTP {response.status}"
    return DeliveryResult(response.status, error, retry_after_seconds=retry_after, response_body=body)


@cache
def _tls_context() -> ssl.SSLContext:
    """Return a TLS context that trusts the system's certificate authorities, created once per process."""
    return ssl.create_default_context()
