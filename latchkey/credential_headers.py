"""Credential of a request: found in the header fields that CREDENTIAL_HEADERS names."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from latchkey import headers
from latchkey.credential_faults import fault_of_field, fault_of_scheme
from latchkey.credentials import (
    CREDENTIAL_PATTERN,
    AmbiguousCredential,
    Credential,
    ImportedToken,
    MalformedCredential,
    MissingCredential,
    parse_credential,
    same_form,
    stray_characters,
)

MAX_NAMES: Final = 8
# The parameters of a Digest or OAuth field are separated by commas, so they count as values too.
_MAX_VALUES: Final = 64
# Fields with a meaning of their own, some of which proxies and servers change on the way.
_TAKEN: Final = re.compile(
    r"(?i)(accept|content|access-control|if|sec|x-latchkey|x-forwarded|x-ratelimit|proxy)(-.*)?|host|cookie|connection"
    r"|keep-alive|te|trailer|transfer-encoding|upgrade|http2-settings|expect|date|via|forwarded|origin|referer"
    r"|user-agent|vary|range|cache-control|last-event-id|idempotency-key|x-request-id|traceparent|tracestate|x-real-ip"
)


class CredentialHeaders:
    """The header fields in which a credential may be sent. `names` are spelled as configured."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names: Final = tuple(names)
        self._is_authorization: Final = tuple(map(is_authorization, self.names))
        self.own_names: Final = tuple(name for name in self.names if not is_authorization(name))
        """The names without Authorization: their fields hold a credential without a scheme."""
        elsewhere = " If its Authorization is for the service behind Latchkey, send the key as "
        self._foreign: Final = "The request has no key_id:secret." + "".join(
            f"{elsewhere}{name}." for name in self.own_names[:1]
        )
        self._or_own_name: Final = "".join(f", or as {name}" for name in self.own_names[:1])

    @property
    def has_authorization(self) -> bool:
        """Return whether a credential may be sent in Authorization, as Bearer or Basic."""
        return any(self._is_authorization)

    @property
    def ways(self) -> str:
        """Return the ways to send a credential, as a phrase that follows "Send the key as"."""
        ways = [f"{name}: key_id:secret" for name in self.own_names]
        if self.has_authorization:
            ways += [f"{headers.AUTHORIZATION}: Bearer key_id:secret", "curl -u key_id:secret"]
        *first, last = ways
        return f"{', '.join(first)}{',' if len(first) > 1 else ''} or {last}" if first else last

    def find(self, values: Sequence[str | None], is_token: Callable[[str], bool] = lambda _text: False) -> Credential:
        """Return the one credential of a request. `values` are those of the fields `names`, in the same order.

        If only some of the fields hold a text of a credential's shape, the others are ignored. A field that was
        sent twice is expected to be joined by commas, as HTTP allows. Without a credential, a text for which `is_token`
        returns true is an imported token, in Authorization with any scheme but Basic.

        Raises MissingCredential, MalformedCredential, or AmbiguousCredential if two credentials differ.
        """
        try:
            return self._own_credential(values)
        except (MissingCredential, MalformedCredential):
            tokens = {text for text in self._possible_tokens(values) if is_token(text)}
            if not tokens:
                raise
        if len(tokens) > 1:
            raise AmbiguousCredential("The request has two different credentials.")
        return ImportedToken.of(tokens.pop())

    def _possible_tokens(self, values: Sequence[str | None]) -> set[str]:
        """Return the texts in the fields that may be imported tokens."""
        return {
            token_of_authorization(text) if schemed else text.strip()
            for schemed, value in zip(self._is_authorization, values, strict=True)
            for text in (_field_values(value) if value else ())
        }

    def _own_credential(self, values: Sequence[str | None]) -> Credential:
        """Return the credential of our own in the fields. Raises what `find` raises."""
        fields = [
            (_from_authorization(value) if schemed else _from_own_field(value)) if value else None
            for schemed, value in zip(self._is_authorization, values, strict=True)
        ]
        texts = _without_foreign_fields([found for found in fields if found is not None])
        if not texts:
            raise MissingCredential(self._missing(values))
        if len(texts) == 1:
            return parse_credential(texts.pop(), otherwise=self._malformed(fields))
        if _has_credential(texts):
            raise AmbiguousCredential("The request has two different credentials.")
        # A set has no order. Sorting gives the same request the same message each time.
        raise MalformedCredential(next(filter(None, map(stray_characters, sorted(texts))), self._malformed(fields)))

    def _missing(self, values: Sequence[str | None]) -> str:
        """Return the detail for a request without a text that may be a credential."""
        for schemed, value in zip(self._is_authorization, values, strict=True):
            for text in _field_values(value) if schemed and value else ():
                if fault := fault_of_scheme(text):
                    return f"{fault} Send the key as Bearer{self._or_own_name}."
        return f"The request has no API key. Send it as {self.ways}."

    def _malformed(self, fields: Sequence[set[str] | None]) -> str:
        """Return the detail for a request whose fields hold these texts, none of which is a credential."""
        faults = map(fault_of_field, self.names, self._is_authorization, fields)
        return next(filter(None, faults), self._foreign)


def parse_credential_headers(entries: Sequence[str]) -> CredentialHeaders:
    """Return the setting's fields. Raises ValueError, whose message doesn't repeat an entry that isn't a name."""
    if not 0 < len(entries) <= MAX_NAMES or not all(map(headers.is_header_name, entries)):
        # An entry may be a credential.
        raise ValueError(f"must be 1 to {MAX_NAMES} names of header fields: letters, digits and hyphens")
    if taken := next(filter(_TAKEN.fullmatch, entries), None):
        raise ValueError(f"{taken} has another meaning, so no credential can be sent in it")
    if len({entry.lower() for entry in entries}) < len(entries):
        raise ValueError("names a field twice")
    return CredentialHeaders(entries)


def is_authorization(name: str) -> bool:
    """Return whether the field is Authorization, whose value begins with a scheme."""
    return name.lower() == headers.AUTHORIZATION.lower()


DEFAULT: Final = parse_credential_headers((headers.API_KEY, headers.AUTHORIZATION))


def token_of_authorization(value: str) -> str:
    """Return what may be an imported token in one value of an Authorization field, or "" for HTTP Basic."""
    scheme, _, token = value.strip().partition(" ")
    return "" if scheme.lower() == "basic" else token.strip()


def _field_values(field: str) -> list[str]:
    """Return the comma-separated values of a field, which a client may have sent several times.

    A field with more than _MAX_VALUES values is replaced by one value that isn't a credential.
    """
    values = field.split(",", _MAX_VALUES)
    # Anyone can send 30 KB of commas, so don't look at each value. No client sends that many.
    return values if len(values) <= _MAX_VALUES else ["Bearer"]


def _from_own_field(field: str) -> set[str]:
    """Return the texts in a field without a scheme that may be credentials. Empty values are skipped."""
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


def _has_credential(texts: Iterable[str]) -> bool:
    return any(map(CREDENTIAL_PATTERN.fullmatch, texts))


def _without_foreign_fields(fields: list[set[str]]) -> set[str]:
    """Return the texts of all fields, without those of fields that have no credential if another field has one."""
    # A field may be meant for the service behind Latchkey, so what it holds isn't an error.
    if len(fields) > 1:
        fields = [texts for texts in fields if _has_credential(texts)] or fields
    return set().union(*fields)
