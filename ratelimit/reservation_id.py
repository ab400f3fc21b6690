"""Names of reservations in a store, and the ids that clients get for them."""

import re
import secrets
from typing import Final

from latchkey.credentials import base62
from ratelimit.reservation import RANDOM_LENGTH, RESERVATION_PREFIX

_RANDOM_BITS: Final = 128
_ID: Final = re.compile(f"res_([0-9a-z]{{12}})_([0-9A-Za-z]{{{RANDOM_LENGTH}}})")


def new_name(key_id: bytes) -> bytes:
    """Return the name in the store for a new reservation of a key. It contains 128 random bits."""
    return RESERVATION_PREFIX + key_id + b":" + base62(secrets.randbits(_RANDOM_BITS), RANDOM_LENGTH).encode()


def id_of(name: bytes) -> str:
    """Return the id of a reservation, as clients get it: `res_`, the key's part and the random part."""
    key_id, _, random_part = name.removeprefix(RESERVATION_PREFIX).rpartition(b":")
    return f"res_{key_id.decode().removeprefix('lk_')}_{random_part.decode()}"


def name_of(reservation_id: str) -> bytes | None:
    """Return the name in the store for an id from a client; None if the id is malformed."""
    found = _ID.fullmatch(reservation_id)
    return None if found is None else f"r:lk_{found[1]}:{found[2]}".encode()
