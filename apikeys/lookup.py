"""One key by its id, as operators ask for it."""

from apikeys.errors import NotFound
from apikeys.models import APIKey


def find_key(key_id: str) -> APIKey:
    """The key with this id, with its secrets. Raises NotFound."""
    key = APIKey.objects.prefetch_related("secrets").filter(key_id=key_id).first()
    if key is None:
        raise NotFound("There is no key with this id.")
    return key
