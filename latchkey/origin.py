"""Origin of a web page, as a browser sends it in the header field `Origin` (RFC 6454, section 6.2)."""

import re
from typing import Final

_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.-]{0,63})://(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
ORIGIN_FORMAT: Final = (
    "an origin as browsers send it, for example https://app.example or https://app.example:8443: lower case, "
    "without a path or default port, and not * or null."
)
"""What `is_origin` accepts, in words."""


def is_origin(text: str) -> bool:
    """Return whether a browser can send exactly this text. Browsers never send the default port of a scheme."""
    # `*` and `null` don't match, on purpose: `*` stands for every page on the web, and every
    # page can create a frame whose origin is `null`.
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return False
    scheme, port = match.groups()
    return port is None or (int(port) <= 65535 and int(port) != _DEFAULT_PORTS.get(scheme))
