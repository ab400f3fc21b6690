"""A webhook's signing secret: derived from a pepper each time, so that no copy of the database can sign."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from events.webhooks.models import WebhookEndpoint
from latchkey.peppers import Peppers

PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class IssuedWebhook:
    """An endpoint with the signing secret that was just made for it: the only moment at which it is shown."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)


class PepperMissing(LookupError):
    """The secret was derived from a pepper that SECRET_PEPPERS no longer has."""


def new_salt() -> str:
    """32 random hexadecimal characters: what makes one secret of an endpoint another than the next."""
    return secrets.token_hex(16)


def derived_key(endpoint_id: str, salt: str, pepper_id: str, peppers: Peppers) -> bytes:
    """The 32 bytes that sign. Raises PepperMissing."""
    try:
        return peppers.digest(f"webhook:{endpoint_id}:{salt}", pepper_id)
    except KeyError:
        raise PepperMissing(f"pepper {pepper_id} is missing") from None


def secret_text(key: bytes) -> str:
    """The key as receivers are given it, `whsec_` and base64 (Standard Webhooks, "Signature scheme")."""
    return PREFIX + base64.b64encode(key).decode()


def signing_keys(endpoint: WebhookEndpoint, peppers: Peppers, now: datetime) -> list[bytes]:
    """What signs at `now`: the active key and, while a rotation lasts, the retiring one. Raises PepperMissing."""
    keys = [derived_key(endpoint.endpoint_id, endpoint.salt, endpoint.pepper_id, peppers)]
    if endpoint.retiring_until is not None and endpoint.retiring_until > now:
        retiring = derived_key(endpoint.endpoint_id, endpoint.retiring_salt, endpoint.retiring_pepper_id, peppers)
        keys.append(retiring)
    return keys
