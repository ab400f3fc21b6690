"""Credential of a request: one of our own, or an imported token in its own form."""

from apikeys.imports.sources import may_be_token
from latchkey.credential_headers import credential_from_headers
from latchkey.credentials import Credential, ImportedToken, MalformedCredential, parse_credential


def request_credential(api_key: str | None, authorization: str | None) -> Credential:
    """Return the one credential in these two header fields. Raises what `credential_from_headers` raises."""
    return credential_from_headers(api_key, authorization, may_be_token)


def credential_of_text(text: str) -> Credential:
    """Return the credential that `text` is: one of our own, or an imported token. Raises MalformedCredential."""
    try:
        return parse_credential(text)
    except MalformedCredential:
        if may_be_token(text):
            return ImportedToken.of(text)
        raise
