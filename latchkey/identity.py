"""The fields of a request's header in which a service behind a proxy reads who calls, and how long they may be.

The bounds leave room for all else in the smallest header that a common proxy or service takes by default: 4 KiB for
Latchkey's whole response in nginx (`proxy_buffer_size`), and for the whole request in uWSGI (`buffer-size`).
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from latchkey import headers
from latchkey.auth_context import AuthContext

MAX_OWNER_BYTES: Final = 600
MAX_SCOPES_BYTES: Final = 2048

# A field is ASCII: all else, and the percent sign itself, is percent-encoded as UTF-8.
_PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def owner_value(owner: str) -> str:
    """Return the value of `X-Latchkey-Owner`: three bytes for each byte of UTF-8 beyond ASCII and each percent sign."""
    return quote(owner, safe=_PLAIN).strip()


def scopes_value(scopes: Iterable[str]) -> str:
    """Return the value of `X-Latchkey-Scopes`: the scopes in order, with a space between."""
    return quote(" ".join(sorted(scopes)), safe=_PLAIN)


def identity_fields(auth: AuthContext) -> list[tuple[str, str]]:
    """Return the names and values that say who calls."""
    return [
        (headers.LATCHKEY_KEY_ID, auth.key_id),
        (headers.LATCHKEY_OWNER, owner_value(auth.owner)),
        (headers.LATCHKEY_SCOPES, scopes_value(auth.scopes)),
    ]
