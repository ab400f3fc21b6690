"""A key of which every field is as long as the rules allow."""

from typing import Any, Final

from latchkey.validation import MAX_TEXT
from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS

# Not ASCII, and what the languages of the proxies' files would read as more than text.
OWNER: Final = '{http.request.host} $host %REQ(X)% "\\ ' + "é" * 91 + "x" * 12
SCOPES: Final = sorted(["orders:read", *(f"{'a' * 120}{number:02}:read" for number in range(15)), "b" * 114 + ":c"])
LARGEST: Final[dict[str, Any]] = {
    "label": "é" * MAX_TEXT,
    "owner": OWNER,
    "scopes": SCOPES,
    "rate_limit": {"burst": MAX_BURST, "per_seconds": MAX_PER_SECONDS},
}
