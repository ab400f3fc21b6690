"""Caller of a key: the client address of a request, and the service that the request names."""

import re
from typing import Any, Final, NamedTuple

from django.conf import settings

from apikeys.client_address import UNKNOWN, is_trusted_proxy
from apikeys.request_context import address_of
from latchkey.redaction import REDACTED, redact

MAX_VALUE: Final = 128
# Longer header fields are cut before anything looks at them.
_MAX_FIELD: Final = 512
# RFC 9110, section 10.1.5: the first product, and of its version the first two numbers. A patch release isn't another
# caller.
_PRODUCT: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,80})(?:/(\d{1,9}(?:\.\d{1,9})?))?")
_HOST: Final = re.compile(r"(?:[a-z0-9_.-]{1,100}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?")


class Caller(NamedTuple):
    """A caller. `address` and `service` are empty if they are unknown."""

    address: str
    service: str


def caller_of(address: str, user_agent: str, forwarded_host: str = "") -> Caller:
    """Return the caller from what its request contains, reduced to short, printable texts without secrets.

    The service is the host that a proxy passes on, or otherwise the product in the User-Agent field, for example
    `python-requests/2.31`.
    """
    return Caller("" if address == UNKNOWN else address, _host_in(forwarded_host) or _product_in(user_agent))


def caller_of_environ(environ: dict[str, Any], *, is_check: bool = False) -> Caller:
    """Return the caller of the request with this `META`. `is_check` says that a proxy may have sent it for a client."""
    return caller_of(
        address_of(environ),
        environ.get("HTTP_USER_AGENT", ""),
        trusted_host(environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_HOST", "")) if is_check else "",
    )


def trusted_host(peer: str, forwarded_host: str) -> str:
    """Return the X-Forwarded-Host field if `peer` is a trusted proxy. Any other client may send any host in it."""
    return forwarded_host if forwarded_host and is_trusted_proxy(peer, settings.TRUSTED_PROXIES) else ""


def _host_in(field: str) -> str:
    host = field[:_MAX_FIELD].partition(",")[0].strip()
    # Look for a secret before the case is changed, which hides it.
    if redact(host) != host:
        return REDACTED
    host = host.lower()
    return host if _HOST.fullmatch(host) else ""


def _product_in(field: str) -> str:
    sent = field[:_MAX_FIELD]
    # Check the whole field, because a part of a secret can't be recognized.
    if redact(sent) != sent:
        return REDACTED
    found = _PRODUCT.match(sent)
    return "/".join(part for part in found.groups() if part) if found else ""
