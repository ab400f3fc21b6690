"""Header fields that identify the caller to a service behind a proxy, and the bounds of their length.

The bounds leave room for everything else in the smallest header that a common proxy or service accepts by default:
4 KiB for Latchkey's whole response in nginx (`proxy_buffer_size`), and for the whole request in uWSGI
(`buffer-size`).
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

from latchkey import headers
from latchkey.auth_context import AuthContext
from latchkey.credentials import KEY_ID_PATTERN

MAX_OWNER_BYTES: Final = 600
MAX_SCOPES_BYTES: Final = 2048

# A header field is ASCII. Everything else, and the percent sign itself, is percent-encoded as UTF-8.
_PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def owner_value(owner: str) -> str:
    """Return the value of `X-Latchkey-Owner`, percent-encoded.

    Each byte of UTF-8 beyond ASCII and each percent sign takes three bytes.
    """
    # HTTP removes white space at the ends of a field's value, so a service would never see it.
    return quote(owner, safe=_PLAIN).strip()


def scopes_value(scopes: Iterable[str]) -> str:
    """Return the value of `X-Latchkey-Scopes`: the scopes in sorted order, separated by spaces."""
    return quote(" ".join(sorted(scopes)), safe=_PLAIN)


def identity_headers(auth: AuthContext) -> list[tuple[str, str]]:
    """Return the names and values of the header fields that identify the caller."""
    return [
        (headers.LATCHKEY_KEY_ID, auth.key_id),
        (headers.LATCHKEY_OWNER, owner_value(auth.owner)),
        (headers.LATCHKEY_SCOPES, scopes_value(auth.scopes)),
    ]


def read_identity(key_id: str | None, owner: str | None, scopes: str | None) -> AuthContext | None:
    """Return the caller that the values of these fields identify, without a label, or None without a valid key ID."""
    # A field that was sent twice is joined by commas: it isn't a key ID then.
    if key_id is None or not KEY_ID_PATTERN.fullmatch(key_id):
        return None
    return AuthContext(key_id, "", unquote(owner or ""), frozenset(unquote(scopes or "").split()))
