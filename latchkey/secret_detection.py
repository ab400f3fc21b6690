"""Detection of live secrets in stored text, such as a key's label: they could never be removed from the event log."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Final

from latchkey.credentials import SECRET_PATTERN, checksum
from latchkey.problems import field_pointer

REJECTION_MESSAGE: Final = (
    "This contains a live secret, which would stay readable in the event log. Remove it: the key ID (lk_…) is enough "
    "to identify the key."
)

# A whole credential as HTTP Basic carries it, and a webhook's signing secret: 32 bytes as Base64.
_BASIC: Final = re.compile(r"bGtf[0-9A-Za-z+/]{88}")
_WEBHOOK_SECRET: Final = re.compile(r"whsec_[0-9A-Za-z+/]{43}")
_SHORTEST: Final = len("whsec_") + 43


def contains_secret(text: str) -> bool:
    """Return whether `text` holds a key's secret, a credential in HTTP Basic form, or a webhook's signing secret.

    A key's secret counts only if its checksum is right, so a look-alike isn't one.
    """
    # Nearly every text returns here, within a tenth of a microsecond.
    # That matters because request IDs are checked too.
    if len(text) < _SHORTEST or ("lks_" not in text and "bGtf" not in text and "whsec_" not in text):
        return False
    decoded = (base64.b64decode(found[0]).decode("latin-1") for found in _BASIC.finditer(text))
    return any(map(_contains_key_secret, (text, *decoded))) or _WEBHOOK_SECRET.search(text) is not None


def find_secrets(value: object, pointer: str = "") -> Iterator[str]:
    """Yield the JSON pointer of each text and each field name in a decoded JSON value that holds a secret."""
    if isinstance(value, str):
        if contains_secret(value):
            yield pointer
    elif isinstance(value, Mapping):
        for name, field in value.items():
            inner = pointer + field_pointer(name)
            if contains_secret(str(name)):
                yield inner
            yield from find_secrets(field, inner)
    elif isinstance(value, (list, tuple)):
        for index, element in enumerate(value):
            yield from find_secrets(element, f"{pointer}/{index}")


def _contains_key_secret(text: str) -> bool:
    return any(checksum(found[1]) == found[2] for found in SECRET_PATTERN.finditer(text))
