"""Credentials: their two forms and checksum, how they are generated and how they are parsed.

The forms are `key_id:secret`, and `key_id.secret` as one token: RFC 6750 allows no colon in a bearer token, and a
double click selects the text up to the colon.
"""

import re
import secrets
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from latchkey.problems import ProblemError

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Two digits at a time are half of the work, and each request has a checksum.
_PAIRS: Final = [one + other for one in ALPHABET for other in ALPHABET]
KEY_ID_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
KEY_ID_PATTERN: Final = re.compile(r"lk_[0-9a-z]{12}")
SECRET_PREFIX: Final = "lks_"  # noqa: S105 - the public prefix of every secret
RANDOM_LENGTH: Final = 43
CHECKSUM_LENGTH: Final = 6
NOT_A_CREDENTIAL: Final = "The credential does not have the form key_id:secret or key_id.secret."
TOKEN_PREFIX: Final = "token:"  # noqa: S105 - it tells the digest of an imported token from other digests

SECRET_PATTERN: Final = re.compile(
    rf"{SECRET_PREFIX}([0-9A-Za-z]{{{RANDOM_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)

CREDENTIAL_PATTERN: Final = re.compile(f"({KEY_ID_PATTERN.pattern})[:.]({SECRET_PATTERN.pattern})")

SECRET_FIELDS: Final = ("secret", "credential", "bearer_credential")
"""Fields that a key as JSON has only once: when its secret is new."""

# Characters that files, shells and editors leave around a credential.
_STRAY: Final = {
    "a byte order mark (BOM)": re.compile("\ufeff"),
    "quotation marks": re.compile("[\"'`\u2018\u2019\u201c\u201d\xab\xbb]"),
    "a line break": re.compile(r"[\r\n\v\f\x85\u2028\u2029]|\\[rn]"),
    "white space": re.compile(r"[\s\u200b\u2060]"),
}
_LONGEST_WITH_STRAY: Final = 200


class CredentialError(ProblemError):
    """Base class of errors about a request's credential. No message repeats the credential."""


class MissingCredential(CredentialError):
    """The request carries no credential."""

    slug = "missing-credential"


class MalformedCredential(CredentialError):
    """The credential in the request doesn't have the shape of one, or its checksum is wrong."""

    slug = "malformed-credential"


class AmbiguousCredential(CredentialError):
    """The request carries two credentials that differ."""

    slug = "ambiguous-credential"


@dataclass(frozen=True, slots=True)
class Credential:
    """A well-formed credential. Its `repr` shows only the key ID, so no traceback or log shows the secret."""

    key_id: str
    secret: str = field(repr=False)

    def reveal(self) -> str:
        """Return the text `key_id:secret`. Use it only to send the credential or to hand it to its owner."""
        return f"{self.key_id}:{self.secret}"

    def reveal_as_one_token(self) -> str:
        """Return the text `key_id.secret`, for the same uses as `reveal`."""
        return f"{self.key_id}.{self.secret}"


@dataclass(frozen=True, slots=True)
class ImportedToken(Credential):
    """A token that another system issued, with the key ID that it belongs to, or "" while that isn't known.

    `secret` is TOKEN_PREFIX and the token. The prefix keeps its digest apart from those of other uses of a pepper.
    """

    @classmethod
    def of(cls, token: str) -> "ImportedToken":
        """Return the credential of a token whose key isn't known yet."""
        return cls("", TOKEN_PREFIX + token)

    @property
    def token(self) -> str:
        """Return the token as its client sends it."""
        return self.secret.removeprefix(TOKEN_PREFIX)

    def reveal(self) -> str:
        """Return the token. Use it only to send it."""
        return self.token


def base62(number: int, length: int) -> str:
    """Return `number` as `length` base62 characters, most significant first."""
    text = ""
    for _ in range(0, length, 2):
        number, pair = divmod(number, 62 * 62)
        text = _PAIRS[pair] + text
    # An odd length has one digit too many.
    return text[-length:]


def checksum(random_part: str) -> str:
    """Return the CRC-32 of the secret's 43 random characters as 6 base62 characters, most significant first."""
    return base62(zlib.crc32(random_part.encode("ascii")), CHECKSUM_LENGTH)


def generate_key_id() -> str:
    """Return a new key ID: `lk_` and 12 random base36 characters (62 bits)."""
    return "lk_" + "".join(secrets.choice(KEY_ID_ALPHABET) for _ in range(12))


def generate_secret() -> str:
    """Return a new secret: `lks_`, 43 base62 characters that encode 256 random bits, and their checksum."""
    random_part = base62(secrets.randbits(256), RANDOM_LENGTH)
    return SECRET_PREFIX + random_part + checksum(random_part)


def parse_credential(text: str, *, otherwise: str = NOT_A_CREDENTIAL) -> Credential:
    """Return the credential that `text` is, in either form.

    Raises MalformedCredential if the shape or the checksum is wrong. If stray quotation marks, white space or a
    byte order mark are the only fault, the message says what to remove; otherwise it's `otherwise`.
    """
    match = CREDENTIAL_PATTERN.fullmatch(text)
    if match is None:
        raise MalformedCredential(stray_characters(text) or otherwise)
    key_id, secret, random_part, check = match.groups()
    # The checksum catches typing errors before anything is looked up.
    if checksum(random_part) != check:
        raise MalformedCredential("The secret's checksum is wrong: a character is mistyped or missing.")
    return Credential(key_id, secret)


def same_form(text: str) -> str:
    """Return `text` as `key_id:secret` if it has a credential's shape, and unchanged otherwise.

    Two texts of one credential are equal then. The checksum isn't checked.
    """
    match = CREDENTIAL_PATTERN.fullmatch(text)
    return f"{match[1]}:{match[2]}" if match else text


def stray_characters(text: str) -> str:
    """Return a sentence that names the stray characters without which `text` would be a credential.

    Return an empty string if removing them doesn't make it one.
    """
    # Skip the work for texts that can't be a credential with a few characters too many.
    if SECRET_PREFIX not in text or len(text) > _LONGEST_WITH_STRAY:
        return ""
    # A header field is decoded as Latin-1, whatever encoding the client used.
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    found = []
    for name, characters in _STRAY.items():
        text, times = characters.subn("", text)
        if times:
            found.append(name)
    if not CREDENTIAL_PATTERN.fullmatch(text):
        return ""
    return f"The credential has {' and '.join(found)} around or inside it. Use key_id:secret or key_id.secret alone."
