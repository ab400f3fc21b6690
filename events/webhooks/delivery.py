"""Delivery attempt: one POST with a deadline, to an allowed address."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpcore
from django.conf import settings
from django.utils import timezone

from events.webhooks.delivery_result import DeliveryResult, failure_reason
from events.webhooks.guarded_network import AddressNotAllowed, GuardedNetwork, Resolve, resolve_host
from events.webhooks.retry_after import parse_retry_after

DEADLINE_SECONDS: Final = 10.0
USER_AGENT: Final = "Latchkey-Webhooks"


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message to send: a JSON body, and the header fields that sign it."""

    headers: dict[str, str]
    body: bytes


async def deliver(url: str, message: WebhookMessage, *, resolve: Resolve = resolve_host) -> DeliveryResult:
    """Send `message` to `url` within 10 seconds, including name resolution. Every failure is returned as a result.

    Redirects are not followed, because they may lead to an unintended receiver. Proxies of the environment are not
    used, because a proxy would resolve the name itself and bypass the address check.
    """
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await _post(url, message, resolve)
    except AddressNotAllowed as error:
        return DeliveryResult(error=str(error), refused=True)
    except (TimeoutError, httpcore.TimeoutException):
        return DeliveryResult(error="time-out")
    # TLS alerts arrive as plain OSErrors (ssl.SSLError).
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        return DeliveryResult(error=failure_reason(error))


async def _post(url: str, message: WebhookMessage, resolve: Resolve) -> DeliveryResult:
    parts = urlsplit(url)
    network = GuardedNetwork(settings.WEBHOOK_ALLOWED_NETWORKS, public=parts.scheme == "https", resolve=resolve)
    headers = {
        # httpcore would omit the brackets of an IPv6 address.
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Connection": "close",
        **message.headers,
    }
    async with (
        httpcore.AsyncConnectionPool(ssl_context=_tls_context(), network_backend=network) as pool,
        pool.stream("POST", url, headers=list(headers.items()), content=message.body) as response,
    ):
        # The body is not read: its contents don't matter, and it may never end.
        return _result(response)


def _result(response: httpcore.Response) -> DeliveryResult:
    if 200 <= response.status < 300:
        return DeliveryResult(response.status)
    received = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    retry_after = parse_retry_after(received.get(b"retry-after", ""), timezone.now())
    return DeliveryResult(response.status, f"HTTP {response.status}", retry_after_seconds=retry_after)


@cache
def _tls_context() -> ssl.SSLContext:
    """Return a TLS context that trusts the system's certificate authorities, created once per process."""
    return ssl.create_default_context()
