"""Credential of a request: one of our own, or an imported token in its own form."""

from collections.abc import Sequence

from apikeys.credential_fields import CREDENTIAL_HEADERS
from apikeys.imports.sources import may_be_token
from latchkey.credentials import Credential, ImportedToken, MalformedCredential, parse_credential


def request_credential(fields: Sequence[str | None]) -> Credential:
    """Return the one credential in the fields of CREDENTIAL_HEADERS. Raises what `CredentialHeaders.find` raises."""
    return CREDENTIAL_HEADERS.find(fields, may_be_token)


def credential_of_text(text: str) -> Credential:
    """Return the credential that `text` is: one of our own, or an imported token. Raises MalformedCredential."""
    try:
        return parse_credential(text)
    except MalformedCredential:
        if may_be_token(text):
            return ImportedToken.of(text)
        raise
