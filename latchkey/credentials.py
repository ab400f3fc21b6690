"""The credential `key_id:secret`: its shape, its checksum, how it is made and where a request carries it."""

import base64
import binascii
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Final

from latchkey.problems import ProblemError

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_ID_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
KEY_ID_PATTERN: Final = re.compile(r"lk_[0-9a-z]{12}")
SECRET_PREFIX: Final = "lks_"  # noqa: S105 - the public prefix of every secret
RANDOM_LENGTH: Final = 43
CHECKSUM_LENGTH: Final = 6

SECRET_PATTERN: Final = re.compile(
    rf"{SECRET_PREFIX}([0-9A-Za-z]{{{RANDOM_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)

CREDENTIAL_PATTERN: Final = re.compile(f"({KEY_ID_PATTERN.pattern}):({SECRET_PATTERN.pattern})")


class CredentialError(ProblemError):
    """A request's credential cannot be used. No text repeats the credential."""


class MissingCredential(CredentialError):
    """The request carries no credential."""

    slug = "missing-credential"


class MalformedCredential(CredentialError):
    """What the request carries has not the shape of a credential, or its checksum is wrong."""

    slug = "malformed-credential"


class AmbiguousCredential(CredentialError):
    """The request carries two credentials that differ."""

    slug = "ambiguous-credential"


@dataclass(frozen=True, slots=True)
class Credential:
    """A well-formed credential. Its `repr` shows the key id alone, so that no traceback or log shows the secret."""

    key_id: str
    secret: str = field(repr=False)

    def reveal(self) -> str:
        """The text `key_id:secret`, for the one place that hands it to its owner."""
        return f"{self.key_id}:{self.secret}"


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def checksum(random_part: str) -> str:
    """The CRC-32 of the secret's 43 random characters as 6 base62 characters, most significant first."""
    return _base62(zlib.crc32(random_part.encode("ascii")), CHECKSUM_LENGTH)


def generate_key_id() -> str:
    """A new key id: `lk_` and 12 random characters of base 36 (62 bits)."""
    return "lk_" + "".join(secrets.choice(KEY_ID_ALPHABET) for _ in range(12))


def generate_secret() -> str:
    """A new secret: `lks_`, 43 base62 characters from 256 random bits, and their checksum."""
    random_part = _base62(secrets.randbits(256), RANDOM_LENGTH)
    return SECRET_PREFIX + random_part + checksum(random_part)


def parse_credential(text: str) -> Credential:
    """The credential that `text` is.

    Raises MalformedCredential for another shape or a wrong checksum; nothing is looked up for it.
    """
    match = CREDENTIAL_PATTERN.fullmatch(text)
    if match is None:
        raise MalformedCredential("This is not key_id:secret.")
    key_id, secret, random_part, check = match.groups()
    if checksum(random_part) != check:
        raise MalformedCredential("The secret's checksum is wrong: a character is mistyped or missing.")
    return Credential(key_id, secret)


def _from_authorization(value: str) -> str | None:
    """The credential's text in an Authorization field; None for a scheme that is not ours."""
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


def credential_from_headers(api_key: str | None, authorization: str | None) -> Credential:
    """The one credential of a request, from its X-API-Key and Authorization fields.

    A field that was sent twice is expected joined by commas, as HTTP allows. Raises MissingCredential,
    MalformedCredential, or AmbiguousCredential where two credentials differ.
    """
    found = [part.strip() for part in api_key.split(",")] if api_key is not None else []
    if authorization is not None:
        parts = (_from_authorization(part) for part in authorization.split(","))
        found.extend(part for part in parts if part is not None)
    distinct = set(found)
    if not distinct:
        raise MissingCredential("The request carries no API key.")
    if len(distinct) > 1:
        raise AmbiguousCredential("The request carries two credentials that differ.")
    return parse_credential(distinct.pop())
