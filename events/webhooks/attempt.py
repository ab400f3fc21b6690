"""Delivery attempt as it was made: what was sent, when, how long it took, and its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from events.webhooks.delivery import WebhookMessage, request_headers
from events.webhooks.delivery_result import DeliveryResult
from events.webhooks.signature import SIGNATURE
from latchkey.redaction import REDACTED

_HIDDEN: Final = f"v1,{REDACTED}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has ended. `headers` are those that were sent, without signatures; empty if nothing could be."""

    result: DeliveryResult
    started_at: datetime
    duration_ms: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


def loggable_headers(url: str, message: WebhookMessage) -> dict[str, str]:
    """Return the header fields of the request, with each signature replaced."""
    sent = request_headers(url, message)
    # A receiver accepts a message for some minutes, so with its signature anyone who reads it here could repeat it.
    return {**sent, SIGNATURE: " ".join(_HIDDEN for _ in sent.get(SIGNATURE, "").split())}
