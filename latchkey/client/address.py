"""Address of a server, as people type it."""

from typing import Final
from urllib.parse import urlsplit

import httpx

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def server_url(text: str) -> str:
    """Return the address without a slash at its end. Raises ValueError that says what to type and repeats nothing."""
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        usable = usable and _is_valid_hostname(httpx.URL(text.strip()))
    except (ValueError, httpx.InvalidURL):
        usable = False
    # None of these messages repeats the URL, because it may hold a password.
    if not usable or not text.strip().isprintable() or " " in text.strip():
        raise ValueError("the URL must be http:// or https:// and a host, for example https://keys.example.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL must not contain a user name or password; never put a key into a URL")
    if parts.query or parts.fragment:
        raise ValueError("the URL must not have a query or a fragment")
    return parts.geturl().rstrip("/")


def _is_valid_hostname(url: httpx.URL) -> bool:
    """Return whether the host's name can be encoded for DNS. Raises ValueError if it can't."""
    return bool(url.host and url.raw_host.decode("ascii").encode("idna"))


def host_of(url: str) -> str:
    """Return host and port, for messages."""
    return urlsplit(url).netloc


def is_unencrypted(url: str) -> bool:
    """Return whether others can read what is sent to `url` on its way."""
    parts = urlsplit(url)
    # What is sent to a loopback address never leaves the machine.
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK
