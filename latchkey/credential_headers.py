"""Credential of a request: found in the header fields X-API-Key and Authorization."""

import base64
import binascii
from typing import Final

from latchkey.credentials import (
    CREDENTIAL_PATTERN,
    AmbiguousCredential,
    Credential,
    MalformedCredential,
    MissingCredential,
    parse_credential,
    same_form,
    stray_characters,
)

# The parameters of a Digest or OAuth field are separated by commas, so they count as values too.
_MAX_VALUES: Final = 64

_MISSING: Final = (
    "The request has no API key. Send it as X-API-Key: key_id:secret, or as Authorization: Bearer key_id:secret."
)
_FOREIGN: Final = (
    "The request has no key_id:secret. If its Authorization is for the service behind Latchkey, send the key as "
    "X-API-Key."
)


def _field_values(field: str) -> list[str]:
    """Return the comma-separated values of a field, which a client may have sent several times.

    A field with more than _MAX_VALUES values is replaced by one value that isn't a credential.
    """
    values = field.split(",", _MAX_VALUES)
    # Anyone can send 30 KB of commas, so don't look at each value. No client sends that many.
    return values if len(values) <= _MAX_VALUES else ["Bearer"]


def _from_api_key(field: str) -> set[str]:
    """Return the texts in an X-API-Key field that may be credentials. Empty values are skipped."""
    return {same_form(text) for value in _field_values(field) if (text := value.strip())}


def _from_authorization(field: str) -> set[str]:
    """Return the texts in an Authorization field that may be credentials.

    Values with a scheme other than Bearer and Basic are skipped.
    """
    return {same_form(text) for text in map(_token, _field_values(field)) if text is not None}


def _token(value: str) -> str | None:
    """Return what may be a credential in one Authorization value, or None if the scheme is neither Bearer nor Basic."""
    scheme, _, token = value.strip().partition(" ")
    token = token.strip()
    if scheme.lower() == "bearer":
        return token
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(token, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            # Not None: a Basic token that can't be decoded is a malformed credential, not a missing one.
            return ""
        # The one-token form may be the user name alone, as in `curl -u key_id.secret:`.
        user, _, password = decoded.partition(":")
        return decoded if password else user
    return None


def _has_credential(texts: set[str]) -> bool:
    return any(map(CREDENTIAL_PATTERN.fullmatch, texts))


def _without_foreign_field(one: set[str], other: set[str]) -> set[str]:
    """Return the texts of both fields, without those of a field that has no credential if the other one has one."""
    if one and other and _has_credential(one) != _has_credential(other):
        return one if _has_credential(one) else other
    return one | other


def credential_from_headers(api_key: str | None, authorization: str | None) -> Credential:
    """Return the one credential of a request, from its X-API-Key and Authorization fields.

    If only one of the fields holds a text of a credential's shape, the other field is ignored. A field that was
    sent twice is expected to be joined by commas, as HTTP allows.

    Raises MissingCredential, MalformedCredential, or AmbiguousCredential if two credentials differ.
    """
    texts = _from_api_key(api_key) if api_key else set()
    if authorization:
        # One of the fields may be meant for the service behind Latchkey, so what it holds isn't an error.
        texts = _without_foreign_field(texts, _from_authorization(authorization))
    if not texts:
        raise MissingCredential(_MISSING)
    if len(texts) == 1:
        return parse_credential(texts.pop(), otherwise=_FOREIGN)
    if _has_credential(texts):
        raise AmbiguousCredential("The request has two different credentials.")
    # A set has no order. Sorting gives the same request the same message each time.
    raise MalformedCredential(next(filter(None, map(stray_characters, sorted(texts))), _FOREIGN))
