"""Faults of a request's credential: what to say about one that is sent in a wrong way, without repeating it."""

from collections.abc import Collection
from typing import Final

from latchkey import headers
from latchkey.credentials import SECRET_PREFIX

# Schemes of other libraries for API keys. A message names one of these, and never what was sent.
_OTHER_SCHEMES: Final = {"api-key": "Api-Key", "apikey": "ApiKey", "key": "Key", "token": "Token"}


def fault_of_scheme(value: str) -> str:
    """Return what is wrong with the scheme of an Authorization value that has an API key, or an empty string."""
    scheme, _, token = value.strip().partition(" ")
    if not token and _resembles_credential(scheme):
        return f"{headers.AUTHORIZATION} has no scheme."
    known = _OTHER_SCHEMES.get(scheme.lower())
    return f"{headers.AUTHORIZATION} has the scheme {known}." if known and _resembles_credential(token.strip()) else ""


def fault_of_field(name: str, is_authorization: bool, texts: Collection[str] | None) -> str:
    """Return what is wrong with the texts in the field `name`, none of which is a credential, or an empty string.

    A text in Authorization may be for the service behind Latchkey, unless it begins like a credential of ours.
    """
    if not texts or (is_authorization and not any(map(_resembles_credential, texts))):
        return ""
    if not is_authorization and any(map(_has_scheme, texts)):
        return f"{name} has a scheme before the key. Send key_id:secret alone."
    return f"{name} has no valid key_id:secret: a character may be missing. Copy the whole credential again."


def _has_scheme(text: str) -> bool:
    scheme, _, rest = text.partition(" ")
    return _resembles_credential(rest.strip()) and not _resembles_credential(scheme)


def _resembles_credential(text: str) -> bool:
    """Return whether someone meant `text` as a credential, even if it's mistyped or cut off."""
    return text.startswith("lk_") or SECRET_PREFIX in text
