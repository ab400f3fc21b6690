"""Names of the HTTP header fields that Latchkey reads and writes."""

import re
from typing import Final

API_KEY: Final = "X-API-Key"
AUTHORIZATION: Final = "Authorization"
REQUEST_ID: Final = "X-Request-Id"
TRACEPARENT: Final = "traceparent"

RATE_LIMIT: Final = "RateLimit"
RATE_LIMIT_POLICY: Final = "RateLimit-Policy"
X_RATE_LIMIT_LIMIT: Final = "X-RateLimit-Limit"
X_RATE_LIMIT_REMAINING: Final = "X-RateLimit-Remaining"
X_RATE_LIMIT_RESET: Final = "X-RateLimit-Reset"
RETRY_AFTER: Final = "Retry-After"

ETAG: Final = "ETag"
IF_MATCH: Final = "If-Match"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"

LATCHKEY_KEY_ID: Final = "X-Latchkey-Key-Id"
LATCHKEY_OWNER: Final = "X-Latchkey-Owner"
LATCHKEY_SCOPES: Final = "X-Latchkey-Scopes"
LATCHKEY_IDENTITY: Final = (LATCHKEY_KEY_ID, LATCHKEY_OWNER, LATCHKEY_SCOPES)
LATCHKEY_STATUS: Final = "X-Latchkey-Status"
LATCHKEY_PROBLEM: Final = "X-Latchkey-Problem"
LATCHKEY_EFFECTIVE_BY: Final = "X-Latchkey-Effective-By"

NO_STORE: Final = ("Cache-Control", "no-store")
"""Header field of every response that no cache may store."""

# No underscore: CGI and WSGI read it as a hyphen, so two names could mean one field.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}[A-Za-z0-9]")

CHALLENGE: Final = 'Bearer realm="Latchkey"'
"""Value of WWW-Authenticate in every 401."""


def is_header_name(text: str) -> bool:
    """Return whether `text` can be the name of a field that carries a credential."""
    return _NAME.fullmatch(text) is not None


def credential_field(name: str, credential: str) -> dict[str, str]:
    """Return the field that carries a credential: with the scheme Bearer if `name` is Authorization."""
    return {name: f"Bearer {credential}" if name.lower() == AUTHORIZATION.lower() else credential}
