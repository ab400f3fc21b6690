"""Who calls, told to the service behind a proxy in fields of the header."""

from typing import Final
from urllib.parse import quote

from latchkey import headers
from latchkey.auth_context import AuthContext

# A field is ASCII: all else, and the percent sign itself, is percent-encoded as UTF-8.
_PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def identity_fields(auth: AuthContext) -> list[tuple[str, str]]:
    """Names and values: the key's id, its owner, and its scopes with a space between."""
    return [
        (headers.LATCHKEY_KEY_ID, auth.key_id),
        (headers.LATCHKEY_OWNER, quote(auth.owner, safe=_PLAIN).strip()),
        (headers.LATCHKEY_SCOPES, quote(" ".join(sorted(auth.scopes)), safe=_PLAIN)),
    ]
