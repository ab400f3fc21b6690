"""Target host of a request: its Host field and its request target (RFC 9112, section 3.2)."""

import re
from typing import Final

from httptools import HttpParserError, HttpParserInvalidURLError, parse_url

from httpserver.asgi_types import Fields

# Host and optional port of a URI (RFC 3986, section 3.2.2), or empty.
_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?")
_VERSIONS: Final = ("1.1", "1.0")
_SCHEMES: Final = (b"http", b"https")


def check_hosts(version: str, hosts: list[bytes]) -> None:
    """Raise HttpParserError unless the version is 1.1 or 1.0 and there is exactly one well-formed Host field.

    `hosts` are the values of all Host fields. HTTP/1.0 requests may have none.
    """
    if version not in _VERSIONS:
        raise HttpParserError("not HTTP/1.0 or HTTP/1.1")
    if len(hosts) != 1 and (hosts or version == "1.1"):
        raise HttpParserError("no Host field, or several")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise HttpParserError("no host in the Host field")


def origin_form(url: bytes, fields: Fields) -> tuple[bytes, Fields]:
    """Return the path and query of an absolute target, and the fields with its host in place of the Host field.

    Raise HttpParserError if the target is not an http or https URL with a host, or if it contains user
    information.
    """
    try:
        parsed = parse_url(url)
    except HttpParserInvalidURLError:
        raise HttpParserError("no URL") from None
    if (parsed.schema or b"").lower() not in _SCHEMES or not parsed.host or parsed.userinfo:
        raise HttpParserError("no http URL")
    host = parsed.host if b":" not in parsed.host else b"[" + parsed.host + b"]"
    if parsed.port:
        host += b":%d" % parsed.port
    # RFC 9112, section 3.2.2: the host of an absolute target replaces the Host field.
    target = (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")
    return target, [(name, value) for name, value in fields if name != b"host"] + [(b"host", host)]
