"""Header fields of a request that may carry a credential, as the setting CREDENTIAL_HEADERS names them."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from latchkey.credential_headers import CredentialHeaders

# Read once: a credential is looked for in every request.
CREDENTIAL_HEADERS: Final[CredentialHeaders] = settings.CREDENTIAL_HEADERS
LOWER_NAMES: Final = tuple(name.lower().encode() for name in CREDENTIAL_HEADERS.names)
"""The names as an ASGI scope spells them."""
_META_NAMES: Final = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in CREDENTIAL_HEADERS.names)


def credential_fields(environ: Mapping[str, Any]) -> list[str | None]:
    """Return the values of the fields in the `META` of a request, in the order of the setting."""
    return [environ.get(name) for name in _META_NAMES]
