"""Lookup of one key by its ID, with errors for operators and REST clients."""

from apikeys.errors import NotFound
from apikeys.models import APIKey
from latchkey.credentials import KEY_ID_PATTERN


def import_event_of(key_id: str | None) -> int | None:
    """Return the ID of the event that issued this key together with others, or None if the key wasn't imported."""
    found = APIKey.objects.filter(key_id=key_id).values_list("import_event", flat=True).first() if key_id else None
    return None if found is None else int(found)


def find_key(key_id: str) -> APIKey:
    """Return the key with this ID, with its secrets. Raises NotFound."""
    if not KEY_ID_PATTERN.fullmatch(key_id):
        raise NotFound("This is not a key ID.")
    key = APIKey.objects.prefetch_related("secrets").filter(key_id=key_id).first()
    if key is None:
        raise NotFound("No key has this ID.")
    return key
