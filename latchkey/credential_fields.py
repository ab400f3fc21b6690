"""Where a request carries its credential: the fields X-API-Key and Authorization."""

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
    stray_characters,
)

# The parameters of a Digest or OAuth field count as values too.
_MOST_VALUES: Final = 64

_NONE: Final = (
    "The request carries no API key. Send it as X-API-Key: key_id:secret, or as Authorization: Bearer key_id:secret."
)
_FOREIGN: Final = (
    "The request carries no key_id:secret. If its Authorization is meant for the service behind Latchkey, send the "
    "key as X-API-Key."
)


def _values(field: str) -> list[str]:
    """The values of a field, which may have been sent several times. More than any client sends are one that is no
    credential, before they are looked at: anyone can send 30 KB of commas.
    """
    values = field.split(",", _MOST_VALUES)
    return values if len(values) <= _MOST_VALUES else ["Bearer"]


def _from_api_key(field: str) -> set[str]:
    """The texts in an X-API-Key field that may be credentials. An empty value is none."""
    return {text for value in _values(field) if (text := value.strip())}


def _from_authorization(field: str) -> set[str]:
    """The texts in an Authorization field that may be credentials. A scheme that is not ours has none."""
    return {text for text in map(_token, _values(field)) if text is not None}


def _token(value: str) -> str | None:
    scheme, _, token = value.strip().partition(" ")
    token = token.strip()
    if scheme.lower() == "bearer":
        return token
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(token, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return ""
    return None


def _has_credential(texts: set[str]) -> bool:
    return any(map(CREDENTIAL_PATTERN.fullmatch, texts))


def _not_foreign(one: set[str], other: set[str]) -> set[str]:
    """The texts of both fields, but for a field that has no credential if the other one has."""
    if one and other and _has_credential(one) != _has_credential(other):
        return one if _has_credential(one) else other
    return one | other


def credential_from_headers(api_key: str | None, authorization: str | None) -> Credential:
    """The one credential of a request, from its X-API-Key and Authorization fields.

    A field without a text of a credential's shape counts for nothing if the other one has such a text: it is meant for
    the service behind Latchkey. A field that was sent twice is expected joined by commas, as HTTP allows.

    Raises MissingCredential, MalformedCredential, or AmbiguousCredential if two credentials differ.
    """
    texts = _from_api_key(api_key) if api_key else set()
    if authorization:
        texts = _not_foreign(texts, _from_authorization(authorization))
    if not texts:
        raise MissingCredential(_NONE)
    if len(texts) == 1:
        return parse_credential(texts.pop(), otherwise=_FOREIGN)
    if _has_credential(texts):
        raise AmbiguousCredential("The request carries two credentials that differ.")
    raise MalformedCredential(next(filter(None, map(stray_characters, sorted(texts))), _FOREIGN))
