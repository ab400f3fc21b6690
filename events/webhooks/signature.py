"""Signature of a delivery, as defined by Standard Webhooks 1.0 (https://www.standardwebhooks.com)."""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"


def signature_headers(message_id: str, sent_at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Return the header fields that sign `body`: one signature per key, separated by spaces.

    `message_id` is the same for all attempts. `sent_at` is the time of this attempt, sent in whole seconds.
    """
    timestamp = str(int(sent_at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return {ID: message_id, TIMESTAMP: timestamp, SIGNATURE: " ".join(f"v1,{signature}" for signature in signatures)}
