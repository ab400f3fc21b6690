"""Hash functions of imported tokens: how a file writes a digest, and how the digest of a token is computed.

All of them are fast and have no salt, so a key can be found by its token's digest. That is safe for random tokens and
for nothing else. A salted password hash (PBKDF2, Argon2, bcrypt) can't be found that way: see `parse_digest`.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

DIGEST_BYTES: Final = 32
"""What is kept of a digest. 256 bits of a longer one are as good: no second token can be found for them."""

HMAC: Final = "hmac-sha256"
HASHES: Final = ("sha256", "sha512", "sha512-hex", HMAC)
"""`sha512-hex` hashes the bytes that the token is the hexadecimal text of, as django-rest-knox before 5.0 does."""

_LENGTHS: Final = {"sha256": 32, "sha512": 64, "sha512-hex": 64, HMAC: 32}
_HEX = re.compile(r"[0-9a-fA-F]+")
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]+={0,2}")
_NAMED = re.compile(r"(?:sha256|sha512)\$\$")
_PASSWORD = re.compile(
    r"(pbkdf2_sha1|pbkdf2_sha256|argon2|bcrypt|bcrypt_sha256|scrypt|md5|sha1)\$|\$(2[aby]|argon2id?)\$"
)


class DigestError(ValueError):
    """The text isn't a digest of this hash function. The message doesn't repeat it."""


def parse_digest(text: str, hash: str) -> bytes:
    """Return the digest in `text`, shortened to DIGEST_BYTES: hexadecimal, Base64, or `sha512$$` and hexadecimal.

    Raise DigestError.
    """
    text = text.strip()
    named = _NAMED.match(text)
    if named is not None and named[0][:6] == hash[:6]:
        text = text[named.end() :]
    elif password := _PASSWORD.match(text):
        raise DigestError(
            f"digest is a salted password hash ({password[1] or password[2]}), by which a token can't be found. "
            "Let the application that made it hash it again without a salt, or issue a new key."
        )
    size = _LENGTHS[hash]
    digest = _decoded(text, size)
    if len(digest) != size:
        raise DigestError(f"digest must be {size} bytes, in hexadecimal ({2 * size} digits) or Base64, for {hash}.")
    return digest[:DIGEST_BYTES]


def token_digest(token: str, hash: str, secret: bytes | None = None) -> bytes | None:
    """Return the digest of a token, shortened to DIGEST_BYTES. `secret` is the key of an HMAC.

    Return None if this hash function isn't defined for the token, or if the secret is missing.
    """
    data = token.encode()
    if hash == HMAC:
        return hmac.digest(secret, data, "sha256") if secret is not None else None
    if hash == "sha512-hex":
        try:
            data = binascii.unhexlify(data)
        except binascii.Error:
            return None
    return hashlib.new(hash[:6], data).digest()[:DIGEST_BYTES]


def split_hash(text: str) -> tuple[str, str]:
    """Return the hash function and the name of its secret in `FUNCTION` or `hmac-sha256:NAME`."""
    function, _, secret = text.partition(":")
    return function, secret


def named_digest(token: str, text: str, secrets: Mapping[str, bytes]) -> bytes | None:
    """Return the digest of a token for a hash `text` as `split_hash` reads it, with `secrets` by name.

    Return None as `token_digest` does.
    """
    function, name = split_hash(text)
    return token_digest(token, function, secrets.get(name))


def _decoded(text: str, size: int) -> bytes:
    """Return the bytes that `text` stands for, or none if it is neither hexadecimal nor Base64."""
    # A digest in hexadecimal is always longer than one in Base64, so the length decides.
    if len(text) == 2 * size and _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if len(text) > 2 * size or not _BASE64.fullmatch(text):
        return b""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return b""
