"""The signature of a delivery, as Standard Webhooks 1.0 defines it (https://www.standardwebhooks.com)."""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"


def signature_fields(message_id: str, sent_at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The header fields that prove `body`: one signature for each of `keys`, with a space between.

    `message_id` stays the same over all attempts; `sent_at` is the time of this one and is sent in whole seconds.
    """
    timestamp = str(int(sent_at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return {ID: message_id, TIMESTAMP: timestamp, SIGNATURE: " ".join(f"v1,{signature}" for signature in signatures)}
