"""Signing secrets of webhooks: derived from a pepper on every use, so that a copy of the database can't sign."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from events.models import WebhookEndpoint
from latchkey.peppers import Peppers

PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class IssuedWebhook:
    """An endpoint with its new signing secret, which is shown only at this moment."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)


class PepperMissing(LookupError):
    """The secret was derived from a pepper that SECRET_PEPPERS no longer contains."""


def new_salt() -> str:
    """Return 32 random hexadecimal characters, which distinguish an endpoint's secrets from each other."""
    return secrets.token_hex(16)


def derive_key(endpoint_id: str, salt: str, pepper_id: str, peppers: Peppers) -> bytes:
    """Return the 32-byte signing key. Raise PepperMissing."""
    try:
        return peppers.digest(f"webhook:{endpoint_id}:{salt}", pepper_id)
    except KeyError:
        raise PepperMissing(f"pepper {pepper_id} is missing") from None


def secret_text(key: bytes) -> str:
    """Return the key as receivers get it: `whsec_` and base64 (Standard Webhooks, "Signature scheme")."""
    return PREFIX + base64.b64encode(key).decode()


def signing_keys(endpoint: WebhookEndpoint, peppers: Peppers, now: datetime) -> list[bytes]:
    """Return the keys that sign at `now`: the active one and, in a rotation, the retiring one. Raise PepperMissing."""
    keys = [derive_key(endpoint.endpoint_id, endpoint.salt, endpoint.pepper_id, peppers)]
    if endpoint.retiring_until is not None and endpoint.retiring_until > now:
        retiring = derive_key(endpoint.endpoint_id, endpoint.retiring_salt, endpoint.retiring_pepper_id, peppers)
        keys.append(retiring)
    return keys
