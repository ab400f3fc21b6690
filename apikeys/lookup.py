"""Lookup of one key by its ID, with errors for operators and REST clients."""

from apikeys.errors import NotFound
from apikeys.models import APIKey
from latchkey.credentials import KEY_ID_PATTERN


def find_key(key_id: str) -> APIKey:
    """Return the key with this ID, with its secrets. Raises NotFound."""
    if not KEY_ID_PATTERN.fullmatch(key_id):
        raise NotFound("This is not a key ID.")
    key = APIKey.objects.prefetch_related("secrets").filter(key_id=key_id).first()
    if key is None:
        raise NotFound("No key has this ID.")
    return key
