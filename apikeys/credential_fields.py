"""Header fields of a request that may carry a credential, as the setting CREDENTIAL_HEADERS names them."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from latchkey.credential_headers import CredentialHeaders
from latchkey.credentials import Credential

# Read once: a credential is looked for in every request.
CREDENTIAL_HEADERS: Final[CredentialHeaders] = settings.CREDENTIAL_HEADERS
LOWER_NAMES: Final = tuple(name.lower().encode() for name in CREDENTIAL_HEADERS.names)
"""The names as an ASGI scope spells them."""
_META_NAMES: Final = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in CREDENTIAL_HEADERS.names)


def curl_option(credential: Credential) -> str:
    """Return the option of curl that sends the credential to this server."""
    if CREDENTIAL_HEADERS.has_authorization:
        return f"-u {credential.reveal()}"
    return f"-H '{CREDENTIAL_HEADERS.names[0]}: {credential.reveal()}'"


def credential_fields(environ: Mapping[str, Any]) -> list[str | None]:
    """Return the values of the fields in the `META` of a request, in the order of the setting."""
    return [environ.get(name) for name in _META_NAMES]
