"""Validation rules for the fields of a webhook."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from events.types import EventType
from latchkey.problems import FieldError
from latchkey.rotation import MAX_GRACE_SECONDS
from latchkey.validation import Rejected, Rule, boolean, integer, rejected, text

MAX_URL: Final = 2000

_PRINTABLE = re.compile(r"[!-~]+")  # ASCII, and no space
_IPV6_AUTHORITY = re.compile(r"\[([0-9A-Fa-f:.]+)\](:[0-9]+)?")  # RFC 3986, section 3.2.2; no zone
_NAME = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}")


def _url(value: object, _now: datetime) -> str:
    url = text(value, "url", max_length=MAX_URL, allow_empty=False)
    if not _PRINTABLE.fullmatch(url):
        raise rejected("not-a-url", "url must contain only printable ASCII characters. Percent-encode all others.")
    parts = _split(url)
    if parts.scheme == "http" and not settings.WEBHOOK_ALLOWED_NETWORKS:
        raise rejected("not-https", "url must begin with https://, because WEBHOOK_ALLOWED_NETWORKS is empty.")
    if parts.scheme not in ("http", "https"):
        raise rejected("not-https", "url must begin with https://.")
    if "@" in parts.netloc:
        raise rejected("userinfo", "url must not contain a user name or password.")
    if "#" in url:
        raise rejected("fragment", "url must not have a fragment.")
    return url


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, port, authority = parts.hostname or "", parts.port, parts.netloc.rpartition("@")[2]
        if address := _IPV6_AUTHORITY.fullmatch(authority):
            ipaddress.IPv6Address(address[1])
        elif "[" in authority or not _NAME.fullmatch(host):
            raise ValueError
    except ValueError:
        raise rejected("not-a-url", "url must have the form https://host.example/path.") from None
    if port == 0:
        raise rejected("not-a-url", "url must have a port from 1 to 65535, or none.")
    return parts


def _event_types(value: object, _now: datetime) -> list[str]:
    if not isinstance(value, list):
        raise rejected("not-an-array", "event_types must be an array of types. An empty array means all types.")
    known = set(EventType)
    if len(value) > len(known):
        raise rejected("too-many", f"event_types must have at most {len(known)} entries, one for each type.")
    faults = [
        FieldError(f"/{index}", "not-a-type", f"A type must be one of {', '.join(EventType)}.")
        for index, name in enumerate(value)
        if not (isinstance(name, str) and name in known)
    ]
    if faults:
        raise Rejected(*faults)
    return sorted(set(value))


RULES: Final[Mapping[str, Rule]] = {
    "url": _url,
    "label": lambda value, _now: text(value, "label"),
    "event_types": _event_types,
    "enabled": lambda value, _now: boolean(value, "enabled"),
}
ROTATE_RULES: Final[Mapping[str, Rule]] = {
    "grace_seconds": lambda value, _now: integer(value, "grace_seconds", 0, MAX_GRACE_SECONDS)
}
